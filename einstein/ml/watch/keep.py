"""Keeping what a watch learnt and what it remembers: one file of JSON and the bytes of plain arrays, one after another.

Only objects of the kinds listed here can be made from it, and none of their code runs while it is read, whoever wrote the file.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections import deque
from typing import Any

import lightgbm
import numpy as np

from einstein.ml.errors import DataProblem
from einstein.ml.schema import FieldSpec
from einstein.ml.watch.alarms import Alarm, Follow, OpenAlarm
from einstein.ml.watch.content import Content
from einstein.ml.watch.evidence import History, Panel
from einstein.ml.watch.expected import Errors, Ranking
from einstein.ml.watch.gauges import BY_FAMILY, Measured, Stat
from einstein.ml.watch.gauges.number import ScoreGauge
from einstein.ml.watch.gauges.ranks import Ranks
from einstein.ml.watch.learnt import Learnt
from einstein.ml.watch.newcomers import Arrival, Newcomers, Since
from einstein.ml.watch.outcome import Outcome
from einstein.ml.watch.performance import Calibration, ErrorModel
from einstein.ml.watch.promise import Promise
from einstein.ml.watch.relations import Company, Encoding, MeanGauge, ScoreCompany
from einstein.ml.watch.table import Batch
from einstein.ml.watch.volume import Volume
from einstein.ml.watch.watcher import Settings, Watcher

FORMAT = 3  # 2: a file an array, which took most of the time of reading
TREE, ARRAYS = "tree.json", "arrays.bin"
NESTED = (list, dict)  # of what JSON gives
PLAIN_KINDS = "biufU"  # of NumPy: truths, numbers, texts; no objects
KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        Alarm, Arrival, Batch, Calibration, Company, Content, Encoding, ErrorModel, Errors, FieldSpec, Follow, History, Learnt, MeanGauge, Measured,
        Newcomers, OpenAlarm, Outcome, Panel, Promise, Ranking, Ranks, ScoreCompany, ScoreGauge, Settings, Since, Stat, Volume, Watcher, *BY_FAMILY.values(),
    )
}  # fmt: skip


def to_bytes(thing: Any) -> bytes:
    """Anything made of the listed kinds, plain containers, numbers, texts and arrays; raises `TypeError` for what is not."""
    writer = _Writer()
    root = writer.plain(thing)
    tree = {"format": FORMAT, "arrays": [[array.dtype.str, list(array.shape)] for array in writer.arrays], "root": root}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        archive.writestr(TREE, json.dumps(tree))
        archive.writestr(ARRAYS, b"".join(array.tobytes() for array in writer.arrays))
    return file.getvalue()


def from_bytes(content: bytes) -> Any:
    """What `to_bytes` was given; raises `DataProblem` for a file that is broken, of another kind or of another format."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            tree = json.loads(archive.read(TREE))
            if tree["format"] != FORMAT:
                raise DataProblem(f"The kept watch has format {tree['format']}; this version reads {FORMAT}.")
            return _Reader(_arrays(tree["arrays"], archive.read(ARRAYS))).thing(tree["root"])
    except (
        zipfile.BadZipFile,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        AttributeError,
        EOFError,
        lightgbm.basic.LightGBMError,
    ):
        raise DataProblem("The kept watch cannot be read: its file is damaged.") from None


def _arrays(kinds: list[tuple[str, list[int]]], content: bytes) -> list[np.ndarray]:
    """The arrays of a file, by their types and shapes; raises `ValueError` when they are not what it holds."""
    found, begin = [], 0
    for kind, shape in kinds:
        dtype = np.dtype(kind)
        if dtype.kind not in PLAIN_KINDS or min(shape, default=0) < 0:
            raise ValueError("an array of another kind")
        count = math.prod(shape)
        found.append(np.frombuffer(content, dtype, count, begin).reshape(shape).copy())
        begin += count * dtype.itemsize
    if begin != len(content):
        raise ValueError("bytes that belong to no array")
    return found


class _Writer:
    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self.known: dict[int, int] = {}
        self.alive: list[Any] = []  # ids stay unique only while their objects live

    def plain(self, thing: Any) -> Any:
        """The tree of one thing; an object met before becomes a reference."""
        if thing is None or isinstance(thing, bool | int | float | str) and not isinstance(thing, np.generic):
            return thing
        if isinstance(thing, np.generic):
            return thing.item()
        if isinstance(thing, np.ndarray):
            if thing.dtype.kind not in PLAIN_KINDS:
                raise TypeError(f"an array of {thing.dtype} cannot be kept")
            self.arrays.append(thing)
            return {"array": len(self.arrays) - 1}
        if isinstance(thing, list):
            return [self.plain(item) for item in thing]
        return self._container(thing) or self._object(thing)

    def _container(self, thing: Any) -> dict[str, Any] | None:
        if isinstance(thing, dict):
            return {"pairs": [[self.plain(key), self.plain(value)] for key, value in thing.items()]}
        if isinstance(thing, tuple):
            return {"tuple": [self.plain(item) for item in thing]}
        if isinstance(thing, set):
            return {"set": sorted(thing)}
        if isinstance(thing, deque):
            return {"deque": [self.plain(item) for item in thing], "most": thing.maxlen}
        if isinstance(thing, slice):
            return {"slice": [int(thing.start), int(thing.stop)]}
        if isinstance(thing, lightgbm.Booster):
            return {"trees": thing.model_to_string()}
        return None

    def _object(self, thing: Any) -> dict[str, Any]:
        name = type(thing).__name__
        if KINDS.get(name) is not type(thing):
            raise TypeError(f"a {name} cannot be kept")
        if id(thing) in self.known:
            return {"again": self.known[id(thing)]}
        number = self.known[id(thing)] = len(self.known)
        self.alive.append(thing)
        return {"kind": name, "number": number, "has": {key: self.plain(value) for key, value in vars(thing).items()}}


class _Reader:
    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays
        self.made: dict[int, Any] = {}

    def thing(self, tree: Any) -> Any:
        """What a tree stands for."""
        if isinstance(tree, list):  # most are of texts or numbers alone, and long
            return [self.thing(item) if item.__class__ in NESTED else item for item in tree]
        if not isinstance(tree, dict):
            return tree
        if "kind" in tree:
            return self._object(tree)
        if "again" in tree:
            return self.made[tree["again"]]
        return self._container(tree)

    def _container(self, tree: dict[str, Any]) -> Any:
        if "array" in tree:
            return self.arrays[tree["array"]]
        if "pairs" in tree:
            return {self.thing(key): self.thing(value) for key, value in tree["pairs"]}
        if "tuple" in tree:
            return tuple(self.thing(item) for item in tree["tuple"])
        if "set" in tree:
            return set(tree["set"])
        if "deque" in tree:
            return deque((self.thing(item) for item in tree["deque"]), maxlen=tree["most"])
        if "slice" in tree:
            return slice(*tree["slice"])
        return lightgbm.Booster(model_str=tree["trees"])

    def _object(self, tree: dict[str, Any]) -> Any:
        kind = KINDS[tree["kind"]]
        made: Any = object.__new__(kind)
        self.made[tree["number"]] = made
        has = tree["has"].items()
        vars(made).update(
            {key: self.thing(value) if value.__class__ in NESTED else value for key, value in has}
        )  # past any frozen setter
        return made
