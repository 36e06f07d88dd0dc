"""Scores as files: into a bucket and by SFTP, in three formats, with nothing in them that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import uuid
import zipfile

import openpyxl
import pyarrow.parquet as pq
import pytest

from apps.deliveries import plan as planning
from apps.scoring.export import COLUMNS, harmless_row, write_export
from tests.deliveries.conftest import SECRET, newest, with_scores

NASTY = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "https://evil.example", "-12.5", "plain"]


@pytest.fixture(params=["s3", "sftp"])
def place(request):
    if request.param == "s3":
        server = request.getfixturevalue("bucket")
        return "s3", server.settings | {"folder": uuid.uuid4().hex}, server.secret
    server = request.getfixturevalue("sftp")
    return "sftp", server.settings, SECRET


def read_back(kind: str, settings: dict, secret: dict, tmp_path) -> dict[str, bytes]:
    from apps.datasets.connectors import registry

    source, found = registry()[kind](settings, secret), {}
    for file in source.files():
        source.get(file, tmp_path / "got")
        found[file.name.rpartition("/")[2]] = (tmp_path / "got").read_bytes()
    return found


@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet"])
def test_all_scores_arrive_as_a_file(place, make_delivery, owner, deliver, history, tmp_path, form):
    kind, settings, secret = place
    delivery = make_delivery(kind, settings | {"file_name": "churn", "format": form, "naming": "same"}, secret)
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert (newest(delivery).state, newest(delivery).acknowledged) == ("arrived", 200), newest(delivery).last_error
    files = read_back(kind, settings, secret, tmp_path)
    assert list(files) == [f"churn.{form}"]
    keys = {
        "csv": lambda body: [row["key"] for row in csv.DictReader(io.StringIO(body.decode("utf-8-sig")))],
        "xlsx": lambda body: [
            row[0] for row in openpyxl.load_workbook(io.BytesIO(body)).active.iter_rows(min_row=2, values_only=True)
        ],
        "parquet": lambda body: pq.read_table(io.BytesIO(body)).column("key").to_pylist(),
    }[form](files[f"churn.{form}"])
    assert keys == history["key"].tolist()


def test_dated_files_pile_up_and_a_second_attempt_replaces_the_first(
    place, make_delivery, owner, deliver, score_again, history, tmp_path
):
    kind, settings, secret = place
    delivery = make_delivery(kind, settings | {"file_name": "churn", "format": "csv", "naming": "dated"}, secret)
    for _ in range(2):
        planning.plan_now(delivery, owner)
        deliver(delivery)
    score_again(with_scores(**{history["key"].iloc[0].replace("-", "_"): 0.5}))
    deliver(delivery)
    assert len(read_back(kind, settings, secret, tmp_path)) == 2


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_nothing_in_a_file_is_run_by_a_spreadsheet(tmp_path, form):
    rows = [[text, 0.5, text, "high", text, None, None, False, "2026-11-25", 1] for text in NASTY]
    path = tmp_path / f"out.{form}"
    assert write_export(rows, path, form) == len(NASTY)
    if form == "xlsx":
        sheet = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "hyperlink" not in sheet
        cells = [row[0].value for row in openpyxl.load_workbook(path).active.iter_rows(min_row=2)]
        assert [cell.removeprefix("_x000D_").strip() for cell in cells] == [text.strip() for text in NASTY]
    else:
        found = [row["key"] for row in csv.DictReader(path.open(encoding="utf-8-sig", newline=""))]
        assert [text for text in found if text[0] in "=+-@\t\r" and text != "-12.5"] == []
        assert found[-1] == "plain"


def test_a_row_has_a_cell_for_each_column():
    assert len(harmless_row(range(len(COLUMNS)))) == len(COLUMNS)


def test_the_scores_page_downloads_all_three(client, owner, workspace, scored, history):
    client.force_login(owner)
    base = f"/w/{workspace.slug}/predictions/{scored.id}/scores"
    text = b"".join(client.get(f"{base}.csv").streaming_content).decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(text)))) == 200
    book = openpyxl.load_workbook(io.BytesIO(b"".join(client.get(f"{base}.xlsx").streaming_content)))
    assert book.active.max_row == 201
    assert pq.read_table(io.BytesIO(b"".join(client.get(f"{base}.parquet").streaming_content))).num_rows == 200
    assert client.get(f"{base}.exe").status_code == 404


def test_a_name_that_climbs_is_refused(make_delivery, sftp, owner, deliver):
    delivery = make_delivery(
        "sftp", sftp.settings | {"file_name": "../../etc/passwd", "format": "csv", "naming": "same"}, SECRET
    )
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert "letters, digits" in newest(delivery).last_error
