"""A model as a folder: native model files, JSON, plain arrays, and a manifest with the hash of every file.

Nothing in it is pickled, and a changed byte is refused before any parser sees it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from einstein.ml.errors import DataProblem
from einstein.ml.features import Encoder
from einstein.ml.members import FAMILIES, Member
from einstein.ml.members.base import Job

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass
class Model:
    """A trained model in memory: how to encode, which members with which weights, and its facts (JSON)."""

    job: Job
    encoder: Encoder
    members: list[tuple[Member, float]]
    facts: dict[str, Any]

    @property
    def task(self) -> str:
        return self.job.task

    @property
    def classes(self) -> list[str]:
        return self.facts["outcome"]["classes"]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Weighted mean of the members: (records, classes) or (records,)."""
        total: np.ndarray | float = 0.0
        for member, weight in self.members:
            total = total + weight * member.predict(features)
        return np.asarray(total)


def save_model(model: Model, folder: Path) -> str:
    """Write the model; return the hash that names it (of its manifest)."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, (member, _) in enumerate(model.members):
        names.append(f"member-{number}{member.suffix}")
        member.save(folder / names[-1])
    with (folder / "arrays.npz").open("wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, **{f"a{i}": array for i, array in enumerate(model.encoder.arrays.values())}
        )
    _write(folder / "encoder.json", model.encoder.to_json() | {"array_names": list(model.encoder.arrays)})
    _write(folder / "facts.json", model.facts)
    manifest = {
        "format": FORMAT,
        "job": {
            "task": model.job.task,
            "classes": model.job.classes,
            "seed": model.job.seed,
            "threads": model.job.threads,
        },
        "members": [
            {"kind": member.kind, "file": name, "weight": weight}
            for (member, weight), name in zip(model.members, names, strict=True)
        ],
        "files": {path.name: _hash(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST},
    }
    _write(folder / MANIFEST, manifest)
    return _hash(folder / MANIFEST)


def load_model(folder: Path, expected_hash: str | None = None) -> Model:
    """Read a model back; raises `DataProblem` when a file is missing, was changed, or is of a newer format."""
    manifest = _verified_manifest(folder, expected_hash)
    job = Job(**manifest["job"])
    encoder_data = json.loads((folder / "encoder.json").read_text())
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        arrays = {name: stored[f"a{i}"] for i, name in enumerate(encoder_data.pop("array_names"))}
    members = [
        (FAMILIES[item["kind"]](job).load(folder / item["file"]), item["weight"]) for item in manifest["members"]
    ]
    return Model(job, Encoder.from_json(encoder_data, arrays), members, json.loads((folder / "facts.json").read_text()))


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of a stored model (outcome, scorecard, reference) without loading its members."""
    _verified_manifest(folder, None)
    return json.loads((folder / "facts.json").read_text())


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
    for name, digest in files.items():
        if "/" in name or not (folder / name).exists() or _hash(folder / name) != digest:
            raise DataProblem(f"The model file {name} is missing or was changed since it was trained. Train again.")
    if not {"encoder.json", "facts.json", "arrays.npz", *(item["file"] for item in manifest["members"])} <= set(files):
        raise DataProblem("The model's manifest does not name all its files. Train again.")
    return manifest


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
