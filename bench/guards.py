"""`make bench-guards`: leaks planted one at a time into real tables, and the same tables untouched.

Prints, per kind of leak, how many were left out or flagged (limit: 95 %); and on the untouched tables the fields that were left
out or flagged though they are honest (limits: none, and one in fifty). What the manifest names as ids and leaks is not honest.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.quality.tables import Table, tables
from einstein.ml.guards import Finding, inspect_fields
from einstein.ml.outcome import read_outcome
from einstein.ml.schema import detect_all

NAME = "planted"
KNOWN_LEAKS = {
    ("titanic", "boat"): "left out",
    ("titanic", "body"): "left out",
    ("startup", "closed_at"): "left out",
    ("bank", "duration"): "flagged",
}
LEAST_CAUGHT, MOST_FLAGGED = 0.95, 1 / 50


def main() -> int:
    caught: dict[str, list[str]] = {}
    honest, left_out, flagged, seconds, wrong = 0, [], [], [], []
    for table in tables():
        frame = table.read_all()
        began = time.monotonic()
        findings = _found(table, frame)
        seconds.append(time.monotonic() - began)
        for finding in findings:
            name = f"{table.name}.{finding.field}"
            if finding.field not in table.dropped and finding.kind not in {"twin", "constant", "id"}:
                (left_out if finding.certain else flagged).append(f"{name} ({finding.kind})")
        honest += len(frame.columns) - 1 - len(set(table.dropped))
        verdicts = {finding.field: "left out" if finding.certain else "flagged" for finding in findings}
        wrong += [
            f"{table.name}.{field} is {verdicts.get(field, 'missed')}, not {wanted}"
            for (name, field), wanted in KNOWN_LEAKS.items()
            if name == table.name and verdicts.get(field) != wanted
        ]
        for kind, leaky in planted(table, frame):
            verdict = next(
                (("left out" if item.certain else "flagged") for item in _found(table, leaky) if item.field == NAME),
                "missed",
            )
            caught.setdefault(kind, []).append(f"{table.name}: {verdict}")
    return _report(caught, honest, left_out, flagged, seconds, wrong)


def _found(table: Table, frame: pd.DataFrame) -> list[Finding]:
    outcome = read_outcome(table.target, frame[table.target], table.task, table.positive)
    known = frame[outcome.known].reset_index(drop=True)
    return inspect_fields(known, detect_all(known.drop(columns=[table.target])), outcome, 0, table.time)


def planted(table: Table, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """(kind of leak, the table with one such field)."""
    random = np.random.default_rng(7)
    target, size = frame[table.target].reset_index(drop=True), len(frame)
    numbers = pd.to_numeric(target) if table.task == "regression" else None
    hit = (
        numbers > numbers.median() if numbers is not None else target == (table.positive or target.iloc[0])
    ).to_numpy()
    fields = _copies(target, numbers, random) | {
        "filled after": np.where(hit & (random.random(size) < 0.98), random.choice(["by phone", "by mail", "at the desk"], size), None),
        "emptiness": np.where(hit | (random.random(size) < 0.02), random.normal(50, 10, size).round(1).astype(str), None),
        "average with itself": _averages(numbers if numbers is not None else pd.Series(hit.astype(float)), random),
    }  # fmt: skip
    if table.time:
        later = pd.to_datetime(frame[table.time].reset_index(drop=True)) + pd.to_timedelta(
            np.where(hit, random.integers(5, 40, size), random.integers(60, 90, size)), unit="D"
        )
        fields["later date"] = later.dt.strftime("%Y-%m-%d").to_numpy()
    for kind, values in fields.items():
        yield kind, frame.assign(**{NAME: pd.Series(values, index=frame.index, dtype="object")})


def _copies(target: pd.Series, numbers: pd.Series | None, random: np.random.Generator) -> dict[str, np.ndarray]:
    size = len(target)
    if numbers is not None:
        noise = numbers + random.normal(0, 0.2 * numbers.clip(*numbers.quantile([0.01, 0.99])).std(), size)
        return {
            "copy": numbers.astype(str).to_numpy(),
            "recoding": np.log1p(numbers).round(4).astype(str).to_numpy(),
            "noisy copy": noise.round(3).astype(str).to_numpy(),
        }
    answers = sorted(target.unique())
    names = {answer: f"code {chr(65 + number)}" for number, answer in enumerate(answers)}
    flipped = random.random(size) < 0.05
    noisy = np.where(flipped, random.choice(answers, size), target)
    # Several codes of one answer each: no single level is the outcome.
    recoded = [f"{names[answer]}{random.integers(1, 4)}" for answer in target]
    return {
        "copy": target.to_numpy(),
        "recoding": np.array(recoded, dtype="object"),
        "noisy copy": pd.Series(noisy).map(names).to_numpy(),
    }


def _averages(target: pd.Series, random: np.random.Generator) -> np.ndarray:
    """The mean outcome of groups of about five, as a "rate of the region" reckoned afterwards would be."""
    groups = random.permutation(np.arange(len(target)) // 5)
    return target.groupby(groups).transform("mean").round(6).astype(str).to_numpy()


def _report(
    caught: dict[str, list[str]],
    honest: int,
    left_out: list[str],
    flagged: list[str],
    seconds: list[float],
    wrong: list[str],
) -> int:
    every = [verdict for verdicts in caught.values() for verdict in verdicts]
    for kind, verdicts in caught.items():
        out, asked = (sum(verdict.endswith(word) for verdict in verdicts) for word in ("left out", "flagged"))
        missed = [verdict for verdict in verdicts if verdict.endswith("missed")]
        print(
            f"{kind:<20} {len(verdicts):>3} planted  {out:>3} left out  {asked:>3} flagged  {len(missed)} missed {'; '.join(missed)}"
        )
    share = sum(not verdict.endswith("missed") for verdict in every) / len(every)
    print(f"caught               {share:.1%} of {len(every)} (at least {LEAST_CAUGHT:.0%})")
    print(
        f"honest fields        {honest}: {len(left_out)} left out {left_out} (none), {len(flagged)} flagged {flagged} (at most {honest * MOST_FLAGGED:.1f})"
    )
    print(f"known leaks          {'; '.join(wrong) or 'all as they should be'}")
    print(
        f"seconds a table      {min(seconds):.2f}/{statistics.median(seconds):.2f}/{max(seconds):.2f} on {os.cpu_count()} cores"
    )
    return int(share < LEAST_CAUGHT or bool(left_out) or len(flagged) > honest * MOST_FLAGGED or bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
