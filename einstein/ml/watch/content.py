"""Whether a batch has been here before, and whether records or keys repeat within it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from einstein.ml.watch.evidence import root_likelihood
from einstein.ml.watch.table import Batch

KEPT = 60  # batches whose content is remembered
LEAST_ROWS = 10  # fewer records may be alike by chance
DRAWS, MOST_KNOWN = 3, 20_000
CHANCE = 1e-6  # below it, batches that are alike are no chance
LEAST_STOCK = 0.1  # of the reference's records: until it is known, batches may be drawn from so few
SETTLED = 2  # batches after which it is known how many repeat by nature
LEAST_SHARE, LEAST_FACTOR, LEAST_COUNT, LEAST_Z = 0.02, 1.5, 3, 5.0  # records that repeat by nature come in clusters


@dataclass
class Repeats:
    """What `Content.look` saw. Shares are of the batch's records; `usual_*` is what is to be expected at this size."""

    same_as: int | None = None
    doubled: bool = False
    rows: float = 0.0
    rows_strange: bool = False
    keys: float = 0.0
    keys_strange: bool = False
    old: float = 0.0
    old_strange: bool = False


@dataclass
class Content:
    """Remembers earlier batches by hashes of their records. `fields` are what makes two records the same; `key` names a record, if one does."""

    fields: list[str]
    key: str | None
    reference: InitVar[Batch]
    seen: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=KEPT))
    before: np.ndarray | None = None
    past: dict[str, list[tuple[int, float]]] = field(default_factory=lambda: {"rows": [], "keys": [], "old": []})

    def __post_init__(self, reference: Batch) -> None:
        self.known = record_hashes(reference, self.fields)[:MOST_KNOWN]
        self.size = max(1, reference.rows)

    def memory(self) -> dict[str, Any]:
        """What the batches so far have shown, for `resume`."""
        return {"seen": self.seen, "before": self.before, "past": self.past}

    def resume(self, memory: dict[str, Any]) -> None:
        """Go on where `memory` was taken."""
        self.seen, self.before, self.past = memory["seen"], memory["before"], memory["past"]

    def look(self, batch: Batch, number: int) -> Repeats:
        """Compare a batch with those before it; `number` is remembered with it."""
        hashes = record_hashes(batch, self.fields)
        rows, whole = len(hashes), content_hash(hashes)
        found = Repeats(rows=_repeated(hashes))
        if rows >= LEAST_ROWS:
            _, counts = np.unique(hashes, return_counts=True)
            if _alike_by_chance(rows, len(counts)) < CHANCE:
                found.same_as = next((earlier for earlier, known in self.seen if known == whole), None)
            found.doubled = bool((counts % 2 == 0).all()) and 0.5 ** len(counts) < CHANCE
        if self.key and self.key in batch.columns:
            found.keys = _repeated(record_hashes(batch, [self.key]))
        if self.before is not None:
            found.old = float(np.isin(hashes, self.before).mean()) if rows else 0.0
        sizes = {"rows": rows, "keys": rows, "old": len(self.before) if self.before is not None else 0}
        for kind, size in sizes.items():
            setattr(found, f"{kind}_strange", self._strange(kind, getattr(found, kind), rows, size))
        if found.same_as is None:
            self.seen.append((number, whole))
        if not (
            found.rows_strange or found.keys_strange or found.old_strange or found.doubled or found.same_as is not None
        ):
            for kind, size in sizes.items():
                if size:
                    self.past[kind] = [*self.past[kind], (size, getattr(found, kind))][-KEPT:]
            self.before = np.unique(hashes)
        return found

    def _strange(self, kind: str, share: float, rows: int, size: int) -> bool:
        """More repeat than by nature: as when so many are drawn with replacement from a stock of records."""
        if rows < LEAST_ROWS or share * rows < LEAST_COUNT:
            return False
        natural = _by_chance if kind != "old" else lambda count, stock: min(1.0, count / stock)
        past = self.past[kind]
        if len(past) >= SETTLED:
            stock = float(np.median([_stock_of(natural, count, part) for count, part in past]))
            usual = natural(size, stock)
            spread = (
                float(np.std([part - natural(count, stock) for count, part in past])) if len(past) > SETTLED else 0.05
            )
        elif kind == "old" or rows > self.size / 4:
            return False  # perhaps the records are drawn again and again from a few; the next batches tell
        else:
            usual, spread = natural(size, self.size * LEAST_STOCK), 0.0
        if kind == "rows":
            usual = max(usual, self._of_the_reference(rows))
        if share < LEAST_FACTOR * usual + LEAST_SHARE + 2 * spread:
            return False
        usual = min(max(usual, 0.5 / max(rows, self.size)), 1 - 1e-9)
        effective = 1 / (1 / rows + spread**2 / (usual * (1 - usual)))
        return bool(root_likelihood(np.array(share), np.array(usual), np.array(effective)) > LEAST_Z)

    def _of_the_reference(self, rows: int) -> float:
        """How many records repeat among as many of the reference."""
        if rows >= len(self.known):
            return _repeated(self.known)
        drawn = np.random.default_rng(rows)
        return float(np.mean([_repeated(drawn.choice(self.known, rows, replace=False)) for _ in range(DRAWS)]))


def _alike_by_chance(rows: int, different: int) -> float:
    """How probable it is that another batch holds the same records as often: two multinomial samples of equal parts (Stirling)."""
    return float((4 * np.pi * rows / different) ** (-(different - 1) / 2))


def _by_chance(count: int, stock: float) -> float:
    """The share that repeats one before it when `count` are drawn with replacement from `stock` records."""
    return 1 - stock * -np.expm1(-count / stock) / max(1, count)


def _stock_of(natural: Callable[[int, float], float], count: int, share: float) -> float:
    """The stock at which `share` is natural, by halving."""
    low, high = 1.0, 1e9
    for _ in range(60):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if natural(count, middle) > share else (low, middle)
    return high


def record_hashes(batch: Batch, fields: list[str]) -> np.ndarray:
    """One 64-bit hash per record over some fields; the same for 5 and 5.0. A field that is not there counts as blank."""
    total = np.zeros(batch.rows, dtype="uint64")
    for name in fields:
        total = total * np.uint64(0x9E3779B97F4A7C15) + (
            _hashes(batch.columns[name], batch, name) if name in batch.columns else np.uint64(1)
        )
        total ^= total >> np.uint64(29)
    return total


def _hashes(array: pa.Array, batch: Batch, name: str) -> np.ndarray:
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        numbers = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False) + 0.0  # -0.0 is 0.0
        numbers = np.where(np.isnan(numbers), np.nan, numbers)  # one NaN
        return pd.util.hash_array(numbers)
    encoded = batch.text(name).dictionary_encode()
    known = pd.util.hash_array(np.array([*encoded.dictionary.to_pylist(), ""], dtype="object"), categorize=False)
    return known[encoded.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)]


def content_hash(hashes: np.ndarray) -> int:
    """The same for the same records in any order."""
    mixed = pd.util.hash_array(hashes)
    return int(mixed.sum(dtype="uint64")) ^ len(hashes)


def _repeated(hashes: np.ndarray) -> float:
    """The share of records that repeat one before them."""
    return 1 - len(np.unique(hashes)) / len(hashes) if len(hashes) else 0.0
