"""Twenty models really trained, and copies of them with hashes of their own, as many companies would have them."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from einstein.ml.train import TrainRequest, train

DATA = Path(os.environ.get("BENCH_DATA", "bench/data"))
TABLES = ["telco", "bank", "kc_house", "avocado", "marketing", "bengaluru", "car_loan"]
TRAINED = 20
LEARN_ROWS = 6000
BUDGET_SECONDS = 60.0  # a prediction's own, unless somebody changes it
KEY = "record"
MANY_LEVELS = 12


@dataclass(frozen=True)
class Question:
    """What one of the trained models predicts."""

    table: str
    target: str
    task: str
    positive: str | None

    @property
    def name(self) -> str:
        return f"{self.table}-{''.join(letter if letter.isalnum() else '_' for letter in self.target)}"


def table_of(name: str) -> pd.DataFrame:
    """A real table as text, without what gives the answer away."""
    entry = next(entry for entry in json.loads((DATA / "manifest.json").read_text()) if entry["name"] == name)
    table = pd.read_csv(DATA / entry["file"], sep=entry["separator"], encoding=entry["encoding"], names=entry.get("names"), dtype=str)  # fmt: skip
    table = table.rename(columns=lambda column: str(column).strip())
    return table.drop(columns=[c for c in [*entry["leakage_columns"], *entry["id_columns"]] if c in table])


def questions() -> list[Question]:
    """Three of each table: its own outcome, the number and the category with most to tell; twenty in all."""
    manifest = {entry["name"]: entry for entry in json.loads((DATA / "manifest.json").read_text())}
    found = []
    for name in TABLES:
        entry, table = manifest[name], table_of(name)
        found.append(Question(name, entry["target"], entry["task"], _positive(entry, table)))
        found += _others(name, table.drop(columns=[entry["target"]]))
    return found[:TRAINED]


def _positive(entry: dict, table: pd.DataFrame) -> str | None:
    return str(entry["positive_class"] or table[entry["target"]].mode()[0]) if entry["task"] == "binary" else None


def _others(name: str, table: pd.DataFrame) -> list[Question]:
    different = table.nunique()
    numbers = [c for c in table if pd.to_numeric(table[c].dropna().head(500), errors="coerce").notna().all()]
    number = max(numbers, key=lambda c: different[c])
    groups = [c for c in table if c != number and 2 < different[c] <= MANY_LEVELS]
    group = min(groups, key=lambda c: table[c].value_counts(normalize=True).iloc[0])
    return [Question(name, number, "regression", None), Question(name, group, "multiclass", None)]


def train_all(home: Path) -> dict[Question, Path]:
    """The folder of each model, trained once and kept below `home`. Ten minutes of training, two at a time."""
    wanted = {question: home / f"{question.name}-{BUDGET_SECONDS:.0f}s" for question in questions()}
    missing = {question: folder for question, folder in wanted.items() if not (folder / "manifest.json").exists()}
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(_train, missing, missing.values()))
    return wanted


def _train(question: Question, folder: Path) -> None:
    """As the app does unless somebody says otherwise: with a minute's search, and whatever blend of families that finds."""
    table = table_of(question.table)
    table = table[table[question.target].notna()]
    table = table.sample(min(LEARN_ROWS, len(table)), random_state=1).reset_index(drop=True)
    table.insert(0, KEY, [f"{question.table}-{row}" for row in range(len(table))])
    shutil.rmtree(folder, ignore_errors=True)
    request = TrainRequest(
        question.target, task=question.task, positive=question.positive, ignore=[KEY], budget=BUDGET_SECONDS, threads=1
    )
    train(table, request, folder)


def families_of(folders: Iterable[Path]) -> Counter[str]:
    """How many of the models hold a member of each family."""
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in folders]
    return Counter(kind for manifest in manifests for kind in {member["kind"] for member in manifest["members"]})


def copy_with_own_hash(folder: Path, target: Path, number: int) -> None:
    """The same model under another content hash, so that no cache can take it for one it has; its big files are linked."""
    target.mkdir(parents=True)
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            place = target / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
    manifest = json.loads((folder / "manifest.json").read_text())
    (target / "manifest.json").write_text(json.dumps(manifest | {"copy": number}))
