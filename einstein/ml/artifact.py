"""A model as a folder: trees as text, JSON, plain arrays, and a manifest with the hash of every file.

Nothing in it is pickled, and a changed byte is refused before any parser sees it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from einstein.ml.blend import calibrated
from einstein.ml.errors import DataProblem
from einstein.ml.explainer import Explainer
from einstein.ml.features import Encoder
from einstein.ml.members import FAMILIES
from einstein.ml.members.base import Job
from einstein.ml.part import Part
from einstein.ml.scale import Scale

FORMAT = 2  # 1: one weight a member, features by one-hot and statistics, exact SHAP for every score
MANIFEST = "manifest.json"
SECONDS = "seconds.json"  # how long it took: beside the model, because the same model may come sooner or later


@dataclass
class Model:
    """A trained model in memory: how to encode, what to mix, how to explain, and its facts (JSON)."""

    job: Job
    encoder: Encoder
    parts: list[Part]
    calibration: dict[str, float] = field(default_factory=dict)
    explainer: Explainer | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None

    @property
    def task(self) -> str:
        return self.job.task

    @property
    def classes(self) -> list[str]:
        return self.facts["outcome"]["classes"]

    @property
    def title(self) -> str:
        return " + ".join(dict.fromkeys(part.member.title for part in self.parts))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Weighted mean of the members, calibrated: (records, classes) or (records,)."""
        if not len(features):
            return np.zeros((0, self.job.classes) if self.job.task != "regression" else (0,))
        total: np.ndarray | float = 0.0
        for part in self.parts:
            total = total + part.weight * part.guess(features)
        return calibrated(np.asarray(total), self.calibration, self.job)

    def effects(self, features: np.ndarray, guess: np.ndarray) -> np.ndarray:
        """(records, fields): how each field moves each record's score, in log-odds or in the user's unit."""
        output = outputs_of(self.job, guess)
        if self.explainer is None:
            return self.exact_effects(features, output)
        found = self.explainer.effects(self.parts, features, output)
        plain = [part for part in self.parts if part.member.plain]
        return found + self._folded(plain, features, output) if plain else found

    def exact_effects(self, features: np.ndarray, output: np.ndarray) -> np.ndarray:
        """The same by exact tree SHAP, hundreds of times slower: the yardstick, and what the explainer learns from."""
        return self._folded(self.parts, features, output)

    def _folded(self, parts: list[Part], features: np.ndarray, output: np.ndarray) -> np.ndarray:
        total = np.zeros(features.shape)
        for part in parts:
            total += part.contributions(features, output)
        return total @ self.fold

    @cached_property
    def fold(self) -> np.ndarray:
        """(features, fields): which field each feature's effect goes to."""
        place = {name: number for number, name in enumerate(self.encoder.fields)}
        fold = np.zeros((len(self.encoder.owners), len(place)))
        for row, owners in enumerate(self.encoder.owners):
            fold[row, [place[name] for name in owners]] = 1.0 / len(owners)
        return fold


def outputs_of(job: Job, guess: np.ndarray) -> np.ndarray:
    """The class each record is explained for: its likeliest one of several, else the only one."""
    return guess.argmax(axis=1) if job.task == "multiclass" else np.zeros(len(guess), dtype=int)


def save_model(model: Model, place: Path) -> str:
    """Write the model; return the hash that names it (of its manifest). A model takes its place whole or not at all."""
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=place) as name:
        draft = Path(name)
        digest = _write_model(model, draft)
        for old in place.glob("member-*"):
            old.unlink()
        for path in sorted(draft.iterdir(), key=lambda path: path.name == MANIFEST):
            path.replace(place / path.name)  # the manifest last: without it there is no model
    return digest


def _write_model(model: Model, folder: Path) -> str:
    names = []
    for number, part in enumerate(model.parts):
        names.append(f"member-{number}{part.member.suffix}")
        part.member.save(folder / names[-1])
    arrays = model.encoder.arrays | (model.explainer.arrays() if model.explainer else {})
    with (folder / "arrays.npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{f"a{i}": array for i, array in enumerate(arrays.values())})
    _write(folder / "encoder.json", model.encoder.to_json() | {"array_names": list(arrays)})
    _write(folder / "facts.json", model.facts)
    _write(folder / SECONDS, model.seconds)
    job = model.job
    manifest = {
        "format": FORMAT,
        "job": {"task": job.task, "classes": job.classes, "seed": job.seed, "threads": job.threads},
        "members": [
            {"kind": part.member.kind, "file": name, "weight": part.weight, "scale": part.scale.to_json() if part.scale else None}
            for part, name in zip(model.parts, names, strict=True)
        ],
        "calibration": model.calibration,
        "explainer": model.explainer.to_json() if model.explainer else None,
        "files": {path.name: _hash(path) for path in sorted(folder.iterdir()) if path.name not in {MANIFEST, SECONDS}},
    }  # fmt: skip
    _write(folder / MANIFEST, manifest)
    return _hash(folder / MANIFEST)


def load_model(folder: Path, expected_hash: str | None = None) -> Model:
    """Read a model back; raises `DataProblem` when a file is missing, was changed, or is of another format."""
    manifest = _verified_manifest(folder, expected_hash)
    job = Job(**manifest["job"])
    encoder_data = json.loads((folder / "encoder.json").read_text())
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        arrays = {name: stored[f"a{i}"] for i, name in enumerate(encoder_data.pop("array_names"))}
    parts = [_read_part(item, job, folder) for item in manifest["members"]]
    explainer = Explainer.from_json(manifest["explainer"], arrays) if manifest["explainer"] else None
    encoder = Encoder.from_json(encoder_data, arrays)
    return Model(
        job, encoder, parts, manifest["calibration"], explainer, json.loads((folder / "facts.json").read_text())
    )


def _read_part(item: dict[str, Any], job: Job, folder: Path) -> Part:
    member = FAMILIES[item["kind"]](job).load(folder / item["file"])
    return Part(member, item["weight"], Scale(**item["scale"]) if item["scale"] else None)


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of a stored model (outcome, scorecard, reference, and the hash that names it) without loading its members."""
    _verified_manifest(folder, None)
    facts = json.loads((folder / "facts.json").read_text()) | {"hash": _hash(folder / MANIFEST)}
    if (folder / SECONDS).exists():  # older models hold it among their facts
        facts["scorecard"]["seconds"] = json.loads((folder / SECONDS).read_text())
    return facts


def _verified_manifest(folder: Path, expected_hash: str | None) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.exists():
        raise DataProblem(f"There is no model in {folder.name}.")
    if expected_hash and _hash(path) != expected_hash:
        raise DataProblem("The stored model was changed since it was trained. Train again.")
    try:
        manifest = json.loads(path.read_text())
        files, version = manifest["files"], manifest["format"]
    except (ValueError, KeyError) as error:
        raise DataProblem("The model's manifest is broken. Train again.") from error
    if version > FORMAT:
        raise DataProblem("The model was written by a newer version of Einstein. Update, then try again.")
    if version < FORMAT:
        raise DataProblem(
            "The model was written by an early version of Einstein that explained scores otherwise. Train again."
        )
    for name, digest in files.items():
        if "/" in name or not (folder / name).exists() or _hash(folder / name) != digest:
            raise DataProblem(f"The model file {name} is missing or was changed since it was trained. Train again.")
    if not {"encoder.json", "facts.json", "arrays.npz", *(item["file"] for item in manifest["members"])} <= set(files):
        raise DataProblem("The model's manifest does not name all its files. Train again.")
    return manifest


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=1))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
