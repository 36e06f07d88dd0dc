"""The families of models. XGBoost and forests are kept as LightGBM's text, CatBoost in its own format, the linear one as JSON; none needs pickle.

A member is fitted on a float32 matrix and answers with probabilities (records, classes) or numbers (records,), and with
contributions (records, features) that add up, with a constant, to the margin of the class asked for.
"""

from __future__ import annotations

from einstein.ml.members.base import Member
from einstein.ml.members.cat_boost import CatBoost
from einstein.ml.members.forest import Forest
from einstein.ml.members.light_gbm import LightGBM
from einstein.ml.members.linear import Linear
from einstein.ml.members.xg_boost import XGBoost

FAMILIES: dict[str, type[Member]] = {family.kind: family for family in (Linear, LightGBM, CatBoost, XGBoost, Forest)}

__all__ = ["FAMILIES", "Member"]
