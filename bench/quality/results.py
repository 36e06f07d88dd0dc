"""Each run's scores, kept by table hash, engine, version, seed, budget and cores; a run that is there is not run again.

Rivals' results are committed under `rivals/`; ours live in var/ and are made anew whenever the engine changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import pandas as pd

from bench.quality.environments import HOME, Engine, python_of
from bench.quality.tables import Table

HERE = Path(__file__).parent
PATIENCE = 6  # budgets an engine may take before it counts as crashed


def result(engine: Engine, table: Table, seed: int, budget: int) -> dict:
    """{"scores": table or None, "seconds": ..., "error": ...} of one run, from the store or made now."""
    cores = os.cpu_count() or 1
    name = f"{table.name}-{seed}-{budget}s-{cores}c-{table.sha256[:12]}-{version_of(engine)}"
    folder = (HOME / "ours" if engine.is_ours else HERE / "rivals") / engine.name
    facts, scores = folder / f"{name}.json", folder / f"{name}.parquet"
    if not facts.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = _run(engine, table, seed, budget, cores)
        if made["scores"] is not None:
            made["scores"].astype("float32" if table.task != "regression" else "float64").to_parquet(
                scores, index=False, compression="zstd"
            )
        facts.write_text(json.dumps({key: value for key, value in made.items() if key != "scores"}))
    kept = json.loads(facts.read_text())
    return kept | {"scores": pd.read_parquet(scores).astype(float) if scores.exists() else None}


def version_of(engine: Engine) -> str:
    """A rival's release; ours is the hash of the library's code."""
    if not engine.is_ours:
        return engine.version
    library = HERE.parent.parent / "einstein" / "ml"
    digest = hashlib.sha256()
    for path in sorted(library.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def _run(engine: Engine, table: Table, seed: int, budget: int, cores: int) -> dict:
    learn, test = table.split(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        learn.to_csv(folder / "learn.csv", index=False)
        test.drop(columns=[table.target]).to_csv(folder / "test.csv", index=False)
        spec = {
            "target": table.target,
            "task": table.task,
            "positive": table.positive,
            "time": table.time,
            "budget": budget,
            "seed": seed,
            "cores": cores,
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        command = [
            python_of(engine),
            str(engine.script),
            *(str(folder / part) for part in ("learn.csv", "test.csv", "spec.json", "scores.csv")),
        ]
        began = time.monotonic()
        error = _call(command, PATIENCE * budget)
        seconds = time.monotonic() - began
        scores = pd.read_csv(folder / "scores.csv") if not error else None
    if scores is not None and (
        len(scores) != len(test)
        or scores.filter(regex="^(prediction$|probability_)").select_dtypes("number").isna().any().any()
    ):
        error, scores = "scores are missing or not numbers", None
    if scores is not None and table.task != "regression":
        scores = scores[[column for column in scores.columns if column.startswith("probability_")]]
    elif scores is not None:
        scores = scores[["prediction"]]
    return {"scores": scores, "seconds": round(seconds, 1), "error": error}


def _call(command: list[str], limit: float) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, cwd=HERE.parent.parent)
    except subprocess.TimeoutExpired:
        return f"not done after {limit:.0f} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1][:300]
