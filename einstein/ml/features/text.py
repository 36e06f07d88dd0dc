"""Free text: topics (TF-IDF of its words in a small dense space), what its words and word parts say of the outcome, its shape.

What words say is a ridge regression on hashed words, pairs of words and letter triples, cross-fitted while learning. Hashing is
CRC-32, the same in every process.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import Ridge

from einstein.ml.columns import Column
from einstein.ml.features.kinds import FOLDS, Kind, Rule, fold_of

BUCKETS = 2**15
TOPICS = 20
MOST_FITTED = 20_000  # records a text rule is learnt from
LONGEST = 2000  # characters of a text that are read
PENALTY = 1.0
WORD = re.compile(r"\w+|[£$€!?]")
UPPER, DIGIT = re.compile(r"[A-Z]"), re.compile(r"\d")


class TextKind(Kind):
    name, supervised = "text", True

    def fit(self, column: Column, targets: np.ndarray, seed: int) -> tuple[Rule, dict[str, np.ndarray]]:
        rows = _fitting_rows(column, seed)
        idf, topics = _topics(column, rows, seed)
        said = _ridge(_weighted(column, idf)[column.codes[rows]], targets[rows] - targets[rows].mean(axis=0))
        return {}, {"idf": idf, "topics": topics, "said": said.astype("float32")}

    def apply(self, column: Column, rule: Rule, arrays: dict[str, np.ndarray]) -> np.ndarray:
        weighted = _weighted(column, arrays["idf"])
        levels = np.column_stack(
            [
                weighted @ arrays["said"].astype("float64"),
                weighted @ arrays["topics"].astype("float64"),
                _shapes(column),
            ]
        )
        return np.vstack([levels, np.full(levels.shape[1], np.nan)])[column.codes]

    def one(self, value: Any, rule: Rule, arrays: dict[str, np.ndarray]) -> list[float]:
        column = Column(None, np.array([-1 if value is None else 0]), [] if value is None else [value])
        return self.apply(column, rule, arrays)[0].tolist()

    def learn(
        self, column: Column, targets: np.ndarray, seed: int, rule: Rule, arrays: dict[str, np.ndarray]
    ) -> np.ndarray:
        block = self.apply(column, rule, arrays)
        weighted = _weighted(column, arrays["idf"])
        rows = _fitting_rows(column, seed)
        folds = fold_of(len(column), seed)
        filled = column.codes >= 0
        for fold in range(FOLDS):
            learn = rows[folds[rows] != fold]
            hold = np.flatnonzero((folds == fold) & filled)
            if len(learn) and len(hold):
                said = _ridge(weighted[column.codes[learn]], targets[learn] - targets[learn].mean(axis=0))
                block[hold, : targets.shape[1]] = weighted[column.codes[hold]] @ said
        return block


def _topics(column: Column, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(weights of the buckets, topics): no outcome is looked at, so every later fit on parts of these records shares the first."""
    if "topics" not in column.cache:
        counts = _counts(column)[column.codes[rows]]
        documents = np.asarray((counts > 0).sum(axis=0)).ravel()
        idf = np.where(documents > 1, np.log((1 + len(rows)) / (1 + documents)) + 1.0, 0.0)
        used = np.flatnonzero(idf)
        topics = np.zeros((len(idf), TOPICS), dtype="float32")
        if len(used) > 1:
            weighted = _normalised(counts, idf)[:, used]
            size = min(TOPICS, max(1, min(weighted.shape) - 1))
            topics[used, :size] = TruncatedSVD(size, random_state=seed, n_iter=2).fit(weighted).components_.T
        column.cache["topics"] = (idf.astype("float32"), topics)
    return column.cache["topics"]


def _weighted(column: Column, idf: np.ndarray) -> csr_matrix:
    """(levels, buckets) TF-IDF of the column's texts; kept for the rule at hand, which many folds and both passes share."""
    kept = column.cache.get("weighted")
    if kept is None or kept[0] is not idf:
        kept = column.cache["weighted"] = (idf, _normalised(_counts(column), idf))
    return kept[1]


def _fitting_rows(column: Column, seed: int) -> np.ndarray:
    rows = np.flatnonzero(column.codes >= 0)
    return (
        rows
        if len(rows) <= MOST_FITTED
        else np.sort(np.random.default_rng(seed).choice(rows, MOST_FITTED, replace=False))
    )


def _ridge(weighted: csr_matrix, targets: np.ndarray) -> np.ndarray:
    """(buckets, outputs) coefficients without intercept."""
    scale = targets.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    solved = Ridge(alpha=PENALTY, fit_intercept=False, solver="sparse_cg", tol=1e-3).fit(weighted, targets / scale)
    return (np.atleast_2d(solved.coef_) * scale[:, None]).T


def tokens_of(text: str) -> list[str]:
    """Words, pairs of neighbours, and letter triples of longer words."""
    words = WORD.findall(text[:LONGEST].lower())
    pairs = [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]
    triples = [f"#{word[i : i + 3]}" for word in words if len(word) > 3 for i in range(len(word) - 2)]
    return words + pairs + triples


def _counts(column: Column) -> csr_matrix:
    """(levels, buckets) sparse square roots of counts; kept with the column, as every fold needs them."""
    if "tokens" not in column.cache:
        indices: list[int] = []
        pointers = [0]
        for level in column.levels:
            indices += [zlib.crc32(token.encode()) % BUCKETS for token in tokens_of(level)]
            pointers.append(len(indices))
        matrix = csr_matrix((np.ones(len(indices)), indices, pointers), shape=(len(column.levels), BUCKETS))
        matrix.sum_duplicates()
        matrix.data = np.sqrt(matrix.data)
        column.cache["tokens"] = matrix
    return column.cache["tokens"]


def _shapes(column: Column) -> np.ndarray:
    """(levels, 4): length, words, share of digits, share of capitals."""
    found = [
        (len(t), len(t.split()), len(DIGIT.findall(t)) / len(t), len(UPPER.findall(t)) / len(t)) for t in column.levels
    ]
    return np.array(found, dtype="float64").reshape(len(column.levels), 4)


def _normalised(counts: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """TF-IDF with rows of length one."""
    weighted = csr_matrix(counts @ diags(idf.astype("float64")))
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return csr_matrix(diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ weighted)
