"""CatBoost in its own format, explained by its exact tree SHAP."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import catboost
import numpy as np
from flaml import tune

from einstein.ml.members.base import FEW, PATIENCE, Job, Member, Practice, answers, pick_output
from einstein.ml.members.oblivious import ObliviousTrees

PIECE = 50  # trees whose contributions are held at once
MOST_DEPTH = 6  # exact contributions cost a multiple with every level more
OF_THE_DAY = ("model_guid", "train_finish_time")  # CatBoost's own notes, different each time the same trees grow
LOSSES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}


class CatBoost(Member):
    kind, title, suffix, grows = "catboost", "CatBoost", ".cbm", True
    model: Any

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.present = np.arange(
            job.classes
        )  # the classes it has seen; a fold may lack a rare one, all records never do

    @classmethod
    def space(cls, records: int) -> dict[str, Any]:
        return {
            "depth": tune.randint(3, MOST_DEPTH + 1), "rate": tune.loguniform(0.03, 0.25), "l2": tune.loguniform(0.5, 30.0), "columns": tune.uniform(0.3, 1.0),
            "random": tune.loguniform(0.1, 5.0),
        }  # fmt: skip

    @classmethod
    def cheap(cls) -> dict[str, Any]:
        return {"depth": 3}

    def fit(self, features: np.ndarray, target: np.ndarray, config: dict[str, Any], practice: Practice) -> CatBoost:
        params = {
            "loss_function": LOSSES[self.job.task], "iterations": config["rounds"], "depth": int(config["depth"]), "learning_rate": config["rate"],
            "l2_leaf_reg": config["l2"], "rsm": config["columns"], "random_strength": config["random"], "boosting_type": "Plain", "border_count": 128,
            "bootstrap_type": "Bernoulli", "subsample": 0.8, "random_seed": practice.seed, "thread_count": practice.threads, "allow_writing_files": False,
            "verbose": False, "score_function": "L2",
        }  # fmt: skip
        hold = practice.hold
        if self.job.task == "multiclass":
            # It wants classes without gaps, and a fold may lack a rare one.
            self.present = np.unique(target)
            target = np.searchsorted(self.present, target)
            if hold is not None:
                known = np.isin(hold[1], self.present)
                hold = (hold[0][known], np.searchsorted(self.present, hold[1][known]))
        if hold is not None:
            params |= {"od_type": "Iter", "od_wait": PATIENCE, "use_best_model": True}
        self.model = catboost.CatBoost(params)
        self.model.fit(
            catboost.Pool(features, target),
            eval_set=catboost.Pool(*hold) if hold is not None else None,
            callbacks=[_Watch(practice)],
        )
        self.rounds = self.model.tree_count_
        return self

    def predict(self, features: np.ndarray, threads: int = 0) -> np.ndarray:
        if len(features) == 1:
            sums = self._trees.sums_of_one(features[0])
        else:
            threads = threads or self._threads(features)
            found = self.model.predict(features, prediction_type="RawFormulaVal", thread_count=threads)
            sums = np.asarray(found).reshape(len(features), -1)
        if self.job.task != "multiclass":
            return answers(sums, self.job)
        whole = np.zeros((len(features), self.job.classes))  # classes that were never seen get no chance
        whole[:, self.present] = answers(sums, self.job)
        return whole

    @cached_property
    def _trees(self) -> ObliviousTrees:
        return ObliviousTrees.of(self.model)

    def contributions(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        pool = catboost.Pool(features)
        found = np.asarray(self.model.get_feature_importance(pool, type="ShapValues", thread_count=self.job.cores))
        per_class = found.reshape(len(features), -1, features.shape[1] + 1)[:, :, :-1]
        return pick_output(per_class, output)

    def leaves(self, features: np.ndarray, trees: int) -> np.ndarray | None:
        return self._leaves(features, min(trees, self.model.tree_count_))

    def _leaves(self, features: np.ndarray, trees: int) -> np.ndarray:
        if len(features) == 1:
            return self._trees.leaves_of_one(features[0])[None, :trees]
        found = self.model.calc_leaf_indexes(
            catboost.Pool(features), ntree_end=trees, thread_count=self._threads(features)
        )
        return np.asarray(found, dtype="int32").reshape(len(features), trees)

    def leaf_effects(self, trees: int, features: int) -> tuple[np.ndarray, np.ndarray] | None:
        if len(self.present) < self.job.classes:
            return None
        chosen = np.arange(min(trees, self.model.tree_count_))
        effects = self._trees.effects(chosen, features)
        return 2 ** self._trees.depth[chosen], np.concatenate(effects, axis=1)

    def contributions_after(self, trees: int, features: np.ndarray, output: np.ndarray) -> np.ndarray | None:
        if trees >= self.model.tree_count_:
            return None
        leaves, found = self._leaves(features, self.model.tree_count_), np.zeros(features.shape)
        for start in range(trees, self.model.tree_count_, PIECE):
            chosen = np.arange(start, min(start + PIECE, self.model.tree_count_))
            for tree, effects in zip(chosen.tolist(), self._trees.effects(chosen, features.shape[1]), strict=True):
                found += effects[output, leaves[:, tree]]
        return found

    def save(self, path: Path) -> None:
        facts = self.model.get_metadata()
        for name in OF_THE_DAY:
            facts[name] = ""
        self.model.save_model(str(path), format="cbm")

    def load(self, path: Path) -> CatBoost:
        self.model = catboost.CatBoost().load_model(str(path), format="cbm")
        return self

    def _threads(self, features: np.ndarray) -> int:
        return 1 if len(features) < FEW else self.job.cores


class _Watch:
    def __init__(self, practice: Practice) -> None:
        self.practice = practice

    def after_iteration(self, info: Any) -> bool:
        return not self.practice.late
