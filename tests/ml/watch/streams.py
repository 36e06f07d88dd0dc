"""Days of customers drawn from a real table, for the watch to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(__file__).resolve().parents[2] / "data"


def customers(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(reference, pool): two halves of the telco table with a score that follows from the fields."""
    table = pd.read_csv(DATA / "telco_small.csv").drop(columns="Churn")
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    random = np.random.default_rng(seed)
    monthly = (table["Contract"] == "Month-to-month").to_numpy(dtype=float)
    lean = (
        1.6 * monthly
        - 0.04 * table["tenure"].to_numpy()
        + 0.01 * table["MonthlyCharges"].to_numpy()
        + random.normal(0, 0.2, len(table))
    )
    table["score"] = 1 / (1 + np.exp(-lean))
    order = random.permutation(len(table))
    half = len(table) // 2
    return table.iloc[order[:half]].reset_index(drop=True), table.iloc[order[half:]].reset_index(drop=True)


def days(pool: pd.DataFrame, rows: int, count: int, seed: int = 1) -> list[pd.DataFrame]:
    """Clean days, each drawn without putting back."""
    random = np.random.default_rng(seed)
    return [pool.iloc[random.choice(len(pool), rows, replace=False)].reset_index(drop=True) for _ in range(count)]
