"""Numbers as they are; blank is NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from einstein.ml.columns import Column
from einstein.ml.features.kinds import Kind, Rule


class NumberKind(Kind):
    name = "number"

    def fit(self, column: Column, targets: np.ndarray, seed: int) -> tuple[Rule, dict[str, np.ndarray]]:
        return {}, {}

    def apply(self, column: Column, rule: Rule, arrays: dict[str, np.ndarray]) -> np.ndarray:
        return column.values.reshape(-1, 1)

    def one(self, value: Any, rule: Rule, arrays: dict[str, np.ndarray]) -> list[float]:
        return [np.nan if value is None else value]
