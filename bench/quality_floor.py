"""The engine against scikit-learn's HistGradientBoosting on the same splits: `make bench-floor`.

Holds 25 % of each table out itself (the command never sees it), three splits, 30 s each; prints min/median/max and the
mean. BENCH_DATA names the folder with the tables and manifest.json.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import train_test_split

DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parent / "data"))
SETS = {"telco": 0.843, "bank": 0.80, "kc_house": 0.87}
BUDGET = 30


def main() -> None:
    manifest = {item["name"]: item for item in json.loads((DATA / "manifest.json").read_text())}
    print(
        f"{'table':<10} {'ours min/median/max':<24} {'mean':<8} {'HistGradientBoosting':<24} {'mean':<8} {'ours - HGB':<10} needed"
    )
    worst = 0
    for name, needed in SETS.items():
        ours, rival = zip(*(one_split(manifest[name], split) for split in range(3)), strict=True)
        fine = statistics.mean(ours) >= needed and statistics.mean(ours) >= statistics.mean(rival)
        worst |= not fine
        print(
            f"{name:<10} {spread(ours):<24} {statistics.mean(ours):<8.4f} {spread(rival):<24} {statistics.mean(rival):<8.4f} "
            f"{statistics.mean(ours) - statistics.mean(rival):<+10.4f} {needed}  {'ok' if fine else 'BELOW'}",
            flush=True,
        )
    sys.exit(worst)


def one_split(entry: dict, split: int) -> tuple[float, float]:
    """Our score and the rival's on one held-out quarter: AUC, or R2 for numbers."""
    table = pd.read_csv(DATA / entry["file"], sep=entry["separator"]).drop(columns=entry["leakage_columns"])
    target = table[entry["target"]]
    regression = entry["task"] == "regression"
    learn, test = train_test_split(table, test_size=0.25, random_state=split, stratify=None if regression else target)
    truth = test[entry["target"]] if regression else (test[entry["target"]].astype(str) == entry["positive_class"])
    return measure(ours(learn, test, entry, split), truth), measure(hgb(learn, test, entry), truth)


def ours(learn: pd.DataFrame, test: pd.DataFrame, entry: dict, split: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: str(Path(folder) / f"{name}.csv") for name in ("learn", "test", "scores")}
        learn.to_csv(paths["learn"], index=False)
        test.drop(columns=[entry["target"]]).to_csv(paths["test"], index=False)
        command = [sys.executable, "-m", "einstein.ml"]
        positive = ["--positive", entry["positive_class"]] if entry["positive_class"] else []
        run([*command, "train", paths["learn"], "--target", entry["target"], "--task", entry["task"], *positive,
             "--budget", str(BUDGET), "--seed", str(split), "--out", f"{folder}/model"])  # fmt: skip
        run([*command, "predict", f"{folder}/model", paths["test"], "--out", paths["scores"]])
        scores = pd.read_csv(paths["scores"])
    return scores[f"probability_{entry['positive_class']}" if positive else "prediction"].to_numpy()


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)


def hgb(learn: pd.DataFrame, test: pd.DataFrame, entry: dict) -> np.ndarray:
    """Plain defaults, categories by dtype, ids dropped: what a data scientist types first."""
    drop = [entry["target"], *entry["id_columns"]]
    features, unseen = learn.drop(columns=drop), test.drop(columns=drop)
    for name in features.columns:
        if not pd.api.types.is_numeric_dtype(features[name]):
            numbers = pd.to_numeric(features[name], errors="coerce")
            if numbers.notna().mean() > 0.95:
                features[name], unseen[name] = numbers, pd.to_numeric(unseen[name], errors="coerce")
            else:
                features[name] = features[name].astype("category")
                unseen[name] = unseen[name].astype(features[name].dtype)
    if entry["task"] == "regression":
        return (
            HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0)
            .fit(features, learn[entry["target"]])
            .predict(unseen)
        )
    hit = learn[entry["target"]].astype(str) == entry["positive_class"]
    return (
        HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
        .fit(features, hit)
        .predict_proba(unseen)[:, 1]
    )


def measure(guess: np.ndarray, truth: pd.Series) -> float:
    return r2_score(truth, guess) if truth.dtype != bool else roc_auc_score(truth, guess)


def spread(values: tuple[float, ...]) -> str:
    return f"{min(values):.4f}/{statistics.median(values):.4f}/{max(values):.4f}"


if __name__ == "__main__":
    main()
