"""The contract of a kind of feature."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from einstein.ml.columns import Column

Rule = dict[str, Any]
FOLDS = 5


class Kind:
    """Turns one field into feature columns. Stateless: what was learnt is in its `rule` (JSON) and `arrays`.

    `supervised` kinds look at the outcome while learning; their `learn` gives each record features from a rule that was
    fitted without that record, so that a model does not trust them more than it may.
    """

    name: ClassVar[str]
    supervised: ClassVar[bool] = False

    def fit(self, column: Column, targets: np.ndarray, seed: int) -> tuple[Rule, dict[str, np.ndarray]]:
        """Learn the rule from (records,) values and (records, outputs) targets."""
        raise NotImplementedError

    def apply(self, column: Column, rule: Rule, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """(records, features) for scoring; NaN where blank."""
        raise NotImplementedError

    def one(self, value: Any, rule: Rule, arrays: dict[str, np.ndarray]) -> list[float]:
        """The same features of one parsed value (None when blank)."""
        raise NotImplementedError

    def learn(
        self, column: Column, targets: np.ndarray, seed: int, rule: Rule, arrays: dict[str, np.ndarray]
    ) -> np.ndarray:
        """(records, features) for the records the rule was fitted on."""
        return self.apply(column, rule, arrays)


def fold_of(count: int, seed: int) -> np.ndarray:
    """Each record's fold for cross-fitting, shape (records,): equal shares in random order."""
    return np.random.default_rng(seed).permutation(np.arange(count) % FOLDS)
