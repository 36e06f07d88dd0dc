"""A small model of real customers, trained once for all tests of the library."""

from __future__ import annotations

from pathlib import Path

import pytest

from einstein.ml.reader import read_frame
from einstein.ml.train import TrainRequest, train

FILE = Path(__file__).resolve().parent.parent / "data" / "telco_small.csv"


@pytest.fixture(scope="session")
def table():
    return read_frame(FILE)[0]


@pytest.fixture(scope="session")
def trained(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    heard: list[dict] = []
    facts = train(table, TrainRequest("Churn", positive="Yes", trials=4, threads=1), folder, heard.append)
    return folder, facts | {"heard": heard}
