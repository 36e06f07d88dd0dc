"""The tables of the bench and their splits: a quarter held out, the newest quarter where there is a time field."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.model_selection import train_test_split

DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parent.parent / "data"))
TEST_SHARE = 0.25


@dataclass(frozen=True)
class Table:
    """One entry of the manifest. Known leaks and ids are taken out for every engine alike."""

    name: str
    file: str
    target: str
    task: str
    positive: str | None
    time: str | None
    dropped: tuple[str, ...]
    separator: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256((DATA / self.file).read_bytes()).hexdigest()

    def read(self) -> pd.DataFrame:
        """The table without known leaks and ids."""
        table = self.read_all()
        return table.drop(columns=[name for name in self.dropped if name in table.columns])

    def read_all(self) -> pd.DataFrame:
        """Everything as written; files without a header get the names the manifest gives."""
        names = {"sms": ["label", "message"]}.get(self.name)
        table = pd.read_csv(
            DATA / self.file,
            sep=self.separator,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            names=names,
            quoting=3 if names else 0,
        )
        table = table[table[self.target].str.strip() != ""].reset_index(drop=True)
        if self.task == "binary":  # the manifest writes 1 where the file may write 1.0
            table[self.target] = table[self.target].str.replace(r"^(\d+)\.0$", r"\1", regex=True)
        return table

    def split(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(learn, test) of one seed."""
        table = self.read()
        if self.time:
            order = pd.to_datetime(table[self.time]).sort_values(kind="stable").index
            cut = int(len(order) * (1 - TEST_SHARE))
            return table.loc[order[:cut]], table.loc[order[cut:]]
        strata = None if self.task == "regression" else table[self.target]
        return tuple(train_test_split(table, test_size=TEST_SHARE, random_state=seed, stratify=strata))


def tables(only: list[str] | None = None) -> list[Table]:
    entries: list[dict[str, Any]] = json.loads((DATA / "manifest.json").read_text())
    found = [
        Table(
            entry["name"], entry["file"], entry["target"], entry["task"], entry["positive_class"], entry["time_column"],
            (*entry["leakage_columns"], *entry["id_columns"]), entry["separator"],
        )
        for entry in entries
    ]  # fmt: skip
    return [table for table in found if not only or table.name in only]
