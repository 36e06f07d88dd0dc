"""One member of the blend: its weight, and for numbers the scale it learnt on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from einstein.ml.members import Member
from einstein.ml.scale import Scale


@dataclass
class Part:
    """A fitted member with its weight; the weights of a blend add up to one."""

    member: Member
    weight: float
    scale: Scale | None = None
    seconds: float = 0.0  # that fitting it took; not stored

    def guess(self, features: np.ndarray) -> np.ndarray:
        """(records, classes) probabilities or (records,) numbers in the user's unit."""
        found = self.member.predict(features)
        return self.scale.back(found) if self.scale else found

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """(records, features): its exact share in what moves the blend's class `output`, in log-odds or in the user's unit."""
        return self.step * self.member.contributions(features, output)

    @property
    def step(self) -> float:
        """What a step of one in the member's own margin is in the blend."""
        return self.weight * (self.scale.slope if self.scale else 1.0)
