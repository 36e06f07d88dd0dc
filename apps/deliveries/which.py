"""A rule by clicks: which records of a scoring run are meant."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from apps.predictions.models import Prediction
from einstein.web.templatetags.words import plural, score

BANDS = {"high": "High", "medium": "Medium", "low": "Low"}


@dataclass(frozen=True)
class Which:
    """A rule by clicks. `limit` is a chance from 0 to 1 or a number in the outcome's unit, `count` a number of records."""

    kind: str = "all"
    band: str = "high"
    limit: float = 0.5
    count: int = 10

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Which:
        return cls(**facts)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def words(self, prediction: Prediction) -> str:
        """The rule in words: limits in percent or in the outcome's own unit, moves in points."""
        noun, shown = plural(prediction.dataset.noun), score(self.limit, prediction.task)
        moved = shown if prediction.task == "regression" else f"{round(self.limit * 100, 1):g} points"
        return {
            "all": f"All {noun}", "changed": f"{noun.capitalize()} whose band has changed", "enters": f"{noun.capitalize()} that enter the {BANDS[self.band]} band",
            "rises": f"{noun.capitalize()} whose score rises to {shown} or more", "falls": f"{noun.capitalize()} whose score falls to {shown} or less",
            "jumps": f"{noun.capitalize()} whose score moves by {moved} or more", "top": f"{noun.capitalize()} that enter the top {self.count:,}",
        }[self.kind]  # fmt: skip
