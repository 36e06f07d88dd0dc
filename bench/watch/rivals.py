"""The rivals' rules over a part of the same fleet: Evidently's and NannyML's defaults, PSI above 0.2, and range rules as in Great Expectations."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from bench.quality.environments import Engine, python_of
from bench.watch.faults import FAULTS, fields_for
from bench.watch.ours import AFTER, alarms, branch
from bench.watch.streams import Plan, days_of
from bench.watch.tables import SCORE, subject
from einstein.ml.distances import psi, shares_of
from einstein.ml.watch import Settings, Watcher

HERE = Path(__file__).parent
STREAMS, CLEAN = (
    [("telco", 150), ("telco", 1500), ("kc_house", 500), ("marketing", 500)],
    6,
)  # the rivals take seconds a day
RULES = {
    "evidently": Engine("evidently", "0.7.23", ("evidently==0.7.23", "pandas<3", "numpy<2.3")),
    "nannyml": Engine("nannyml", "0.13.1", ("nannyml==0.13.1", "pandas<3")),
}


def compare(seed: int, quick: bool) -> None:
    """Print, per rule: false alarms per 100 clean days, and the share of faulty days alarmed at once whose clean twin is quiet."""
    totals: dict[str, list[list[bool]]] = defaultdict(lambda: [[], []])
    plans = [Plan(table, rows, AFTER + CLEAN, seed, 0.05, 0.2, True) for table, rows in STREAMS[: 1 if quick else None]]
    with ThreadPoolExecutor(2) as pool:  # their work is done in processes of their own
        list(pool.map(lambda plan: _one_stream(plan, totals), plans))
    streams = ", ".join(f"{plan.table} by {plan.rows}" for plan in plans)
    print(
        f"rivals             {streams} rows a batch; false alarms per 100 clean days, % of faults caught at once (clean twin quiet)"
    )
    for rule, (clean, caught) in sorted(totals.items(), key=lambda item: -np.mean(item[1][1] or [0])):
        print(
            f"  {rule:34s}{100 * np.mean(clean):6.1f} of {len(clean)} days   {100 * np.mean(caught or [0]):5.0f} % of {len(caught)} faults"
        )


def _one_stream(plan: Plan, totals: dict[str, list[list[bool]]]) -> None:
    found = subject(plan.table, plan.seed)
    days = days_of(plan, found)
    faulty = []
    for fault in FAULTS:
        random = np.random.default_rng([plan.rows, len(fault.name)])
        name = fields_for(fault, found, random)
        if name is not None and fault.needs not in {"related score"}:
            faulty.append(fault.break_it(days[AFTER], found, name, random, days[AFTER - 1]))
    clean = days[AFTER:]
    verdicts = {"einstein watch": _ours(found.reference, days[:AFTER], clean, faulty)}
    verdicts["PSI > 0.2 on any field"] = [_psi_rule(found.reference, day) for day in clean + faulty]
    verdicts["range, set and null rules"] = [_range_rule(found.reference, day) for day in clean + faulty]
    for engine in RULES.values():
        verdicts |= _elsewhere(engine, found.reference, clean + faulty)
    for rule, said in verdicts.items():
        totals[rule][0] += said[: len(clean)]
        if not said[0]:  # the first clean day is the faulty ones' twin
            totals[rule][1] += said[len(clean) :]
    print(
        f"  {plan.table} by {plan.rows}: {len(clean)} clean and {len(faulty)} broken days judged",
        file=sys.stderr,
        flush=True,
    )


def _ours(
    reference: pd.DataFrame, before: list[pd.DataFrame], clean: list[pd.DataFrame], faulty: list[pd.DataFrame]
) -> list[bool]:
    watcher = Watcher(reference, Settings(SCORE))
    for day in before:
        watcher.look(day)
    start = branch(watcher)
    said = [bool(alarms(watcher.look(day))) for day in clean]
    return said + [bool(alarms(branch(start).look(day))) for day in faulty]


def _psi_rule(reference: pd.DataFrame, day: pd.DataFrame) -> bool:
    return any(
        _psi(reference[name], day[name]) > 0.2
        for name in reference.columns
        if name in day and reference[name].nunique() < len(reference) / 2
    )


def _psi(known: pd.Series, now: pd.Series) -> float:
    if not len(now.dropna()):
        return 0.0
    numeric = pd.api.types.is_numeric_dtype(known) and pd.api.types.is_numeric_dtype(now)
    one, two = known.dropna(), now.dropna()
    if numeric and one.nunique() > 20:
        edges = np.unique(np.quantile(one, np.linspace(0, 1, 11)))
        edges[0], edges[-1] = -np.inf, np.inf
        return psi(*(np.histogram(part, edges)[0] / len(part) for part in (one, two)))
    return psi(*shares_of(one.astype(str).to_numpy(), two.astype(str).to_numpy()))


def _range_rule(reference: pd.DataFrame, day: pd.DataFrame) -> bool:
    """Every field there, numbers between the reference's extremes, answers of its set, at most five points more blanks (mostly=0.99)."""
    for name in reference.columns:
        if name not in day:
            return True
        known, now = reference[name], day[name]
        if now.isna().mean() > known.isna().mean() + 0.05:
            return True
        if pd.api.types.is_numeric_dtype(known):
            numbers = pd.to_numeric(now, errors="coerce").dropna()
            if len(numbers) and ((numbers < known.min()) | (numbers > known.max())).mean() > 0.01:
                return True
        elif known.nunique() <= 100 and len(now.dropna()) and (~now.dropna().isin(set(known.dropna()))).mean() > 0.01:
            return True
    return False


def _elsewhere(engine: Engine, reference: pd.DataFrame, days: list[pd.DataFrame]) -> dict[str, list[bool]]:
    """What a rival says of each day, in an environment of its own: {rule: [alarmed]}."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference.astype(_plain(reference)).to_parquet(folder / "reference.parquet")
        for place, day in enumerate(days):
            day.astype(_plain(day)).to_parquet(folder / f"{place:04d}.parquet")
        done = subprocess.run(
            [python_of(engine), HERE / "engines" / f"by_{engine.name}.py", folder], capture_output=True, text=True
        )
        if done.returncode:
            print(f"  {engine.name} failed: {done.stderr[-300:]}")
            return {}
        return json.loads(done.stdout.splitlines()[-1])


def _plain(table: pd.DataFrame) -> dict[str, str]:
    """Mixed columns as text: Parquet holds one type a column."""
    return {name: "string" for name in table.columns if table[name].dtype == object}
