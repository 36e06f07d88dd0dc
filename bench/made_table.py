"""A large table of made-up customers, the same for every run: 30 columns of the kinds that business tables hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

CHUNK = 100_000
PLANS, CITIES = (
    np.array(["basic", "plus", "premium", "business"]),
    np.array([f"city {number}" for number in range(400)]),
)


def write_table(path: Path, rows: int, seed: int = 0) -> None:
    """CSV with the outcome `churned` and 29 fields, written in pieces."""
    random = np.random.default_rng(seed)
    for start in range(0, rows, CHUNK):
        part = _piece(random, min(CHUNK, rows - start), start)
        part.to_csv(path, mode="w" if start == 0 else "a", header=start == 0, index=False)


def _piece(random: np.random.Generator, rows: int, start: int) -> pd.DataFrame:
    numbers = random.normal(size=(rows, 16)).round(3)
    tenure, plan, city = random.integers(0, 72, rows), random.integers(0, 4, rows), random.integers(0, 400, rows)
    fee = (20 + 15 * plan + random.gamma(2, 5, rows)).round(2)
    blank = random.random((rows, 3)) < 0.1
    margin = (
        0.6 * numbers[:, 0] - 0.04 * tenure + 0.3 * plan + 0.02 * (city % 50) - 0.5 + 0.4 * numbers[:, 1] * (plan > 1)
    )
    table = pd.DataFrame(
        {"customer": [f"C{start + row:08d}" for row in range(rows)], "churned": np.where(random.random(rows) < 1 / (1 + np.exp(-margin)), "yes", "no"),
         "tenure": tenure, "plan": PLANS[plan], "city": CITIES[city], "fee": fee, "since": pd.Timestamp("2024-06-01") - pd.to_timedelta(tenure * 30, unit="D"),
         "device": random.choice(["phone", "tablet", "laptop"], rows), "paperless": random.choice(["yes", "no"], rows), "agent": [f"A{code}" for code in random.integers(100, 999, rows)],
         "calls": np.where(blank[:, 0], np.nan, random.poisson(3, rows)), "usage": np.where(blank[:, 1], np.nan, random.gamma(3, 20, rows).round(1)),
         "discount": [f"{share} %" for share in random.integers(0, 40, rows)], "country": random.choice(["Germany", "France", "Spain", "Italy"], rows)}
    )  # fmt: skip
    for number in range(16):
        table[f"measure {number + 1}"] = numbers[:, number]
    return table
