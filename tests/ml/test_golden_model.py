"""A model stored by an earlier version is read by this one and scores as it did then.

`tests/data/golden_model` was written by format 2. A new format keeps reading it, or says in one sentence that it cannot.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from einstein.ml.artifact import FORMAT, load_model
from einstein.ml.errors import DataProblem
from einstein.ml.scorer import score

FOLDER = Path(__file__).resolve().parent.parent / "data" / "golden_model"


def test_the_golden_model_scores_as_on_the_day_it_was_stored(table):
    said = json.loads((FOLDER.parent / "golden_scores.json").read_text())
    found = score(load_model(FOLDER), table.head(40), 3)
    assert found.value.tolist() == pytest.approx(said["scores"], abs=1e-9)
    assert [reasons[0]["field"] for reasons in found.reasons] == said["first reasons"]


@pytest.mark.parametrize(("version", "words"), [(FORMAT + 1, "newer version"), (1, "Train again")])
def test_a_format_that_cannot_be_read_is_refused_with_a_sentence(tmp_path, version, words):
    shutil.copytree(FOLDER, tmp_path / "m")
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text())
    (tmp_path / "m" / "manifest.json").write_text(json.dumps(manifest | {"format": version}))
    with pytest.raises(DataProblem, match=words):
        load_model(tmp_path / "m")
