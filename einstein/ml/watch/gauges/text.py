"""Free texts and codes: by their length, the kinds of characters in them, one text repeated, and words the reference knows."""

from __future__ import annotations

import re

import numpy as np

from einstein.ml.watch.gauges.base import Gauge, Measured, Stat, measured
from einstein.ml.watch.gauges.ranks import Ranks, most_usual
from einstein.ml.watch.table import Values

KINDS = {"digits": re.compile(r"\d"), "letters": re.compile(r"[^\W\d_]"), "capitals": re.compile(r"[A-Z]"), "small": re.compile(r"[a-z]"),
         "spaces": re.compile(r"\s"), "signs": re.compile(r"[^\w\s]"), "foreign": re.compile(r"[^\x00-\x7f]")}  # fmt: skip
WORD = re.compile(r"[^\W\d_]{3,}")
VOCABULARY = 20_000
SAMPLE = 5_000  # different texts looked at


class TextGauge(Gauge):
    """Blank, length, seven kinds of characters, one text repeated, and the mean share of known words."""

    def learn(self, values: Values) -> list[Stat]:
        column = values.column
        texts, weights = _texts(column.codes, column.levels)
        self.lengths = Ranks(np.repeat([float(len(text)) for text in texts], weights) if texts else np.zeros(1))
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
        self.shares = {
            column.levels[place]: counts[place] / counts.sum()
            for place in np.argsort(-counts)[:VOCABULARY]
            if counts[place] > 1
        }
        self.records = max(1, int(counts.sum()))
        half = texts[::2]
        self.words = {word for text in half for word in WORD.findall(text.lower())}
        shares = _known_shares(texts[1::2], self.words)  # the other half: texts whose words were not counted
        self.known_mean, self.known_sd = (
            (float(shares.mean()), float(max(shares.std(), 0.02))) if len(shares) else (np.nan, 1.0)
        )
        spaced = bool(texts) and np.mean([bool(KINDS["spaces"].search(text)) for text in texts]) > 0.5
        words = [Stat("known words", 0.10, mean=True)] if spaced and len(shares) > 50 else []
        kinds = [Stat(name, 0.05) for name in KINDS]
        # Names of records grow longer as more are given out.
        length = (
            [Stat("length", 0.05, mean=True), Stat("length spread", 0.035, mean=True)] if self.spec.type != "id" else []
        )
        return [Stat("blank", 0.02), Stat("repeated", 0.03), *length, *kinds, *words]

    def fit(self, values: Values) -> TextGauge:
        super().fit(values)
        for place, stat in enumerate(self.stats):
            if stat.name == "known words":
                self.usual[place] = self.known_mean
        return self

    def measure(self, values: Values) -> Measured:
        column, rows = values.column, len(values.column)
        found = {"blank": (values.blank.sum() / max(1, rows), float(rows))}
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
        filled = float(counts.sum())
        if not filled:
            return measured(found, self.stats)
        top = max(
            np.argsort(-counts)[:5],
            key=lambda place: counts[place] / filled - self.shares.get(column.levels[place], 0.0),
        )
        texts, weights = _texts(column.codes, column.levels)
        total = float(sum(weights))
        places = np.repeat(self.lengths.of(np.array([float(len(text)) for text in texts])), weights)
        found |= {
            "repeated": (counts[top] / filled, filled),
            "length": (places.mean(), total),
            "length spread": (np.abs(places - 0.5).mean(), total),
        }
        found |= {
            name: (float(np.dot([bool(kind.search(text)) for text in texts], weights)) / total, total)
            for name, kind in KINDS.items()
        }
        if any(stat.name == "known words" for stat in self.stats):
            shares = _known_shares(texts, self.words)
            found["known words"] = (float(shares.mean()) if len(shares) else np.nan, float(len(shares)))
        usual = most_usual(self.shares.get(column.levels[top], 0.0), self.records)
        return measured(found, self.stats, {"repeated": usual}, repeated=column.levels[top])

    def spreads(self) -> dict[str, float]:
        return {"length": self.lengths.rank_sd, "length spread": self.lengths.spread_sd, "known words": self.known_sd}


def _texts(codes: np.ndarray, levels: list[str]) -> tuple[list[str], list[int]]:
    """(different texts, how often each came), at most 5,000 of them evenly taken."""
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    places = np.flatnonzero(counts)
    places = places[:: max(1, -(-len(places) // SAMPLE))]
    return [levels[place] for place in places], counts[places].tolist()


def _known_shares(texts: list[str], words: set[str]) -> np.ndarray:
    found = [WORD.findall(text.lower()) for text in texts]
    return np.array([sum(word in words for word in parts) / len(parts) for parts in found if parts])
