"""What an admin takes away is everything, whole, without a secret, and of her own workspace only."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from django.db import connection
from django.urls import reverse

from apps.datasets.models import Source
from apps.runs.models import Run
from apps.workspaces.api_keys import create_key
from apps.workspaces.tenancy import tenant_models
from einstein import storage
from einstein.sealed import seal
from tests.conftest import TELCO


@pytest.fixture
def taken(client, inside, scored, owner, perform_runs):
    """The file as it is downloaded."""
    Source.objects.create(
        dataset=scored.dataset,
        kind="url",
        settings={"url": "https://x.example/a.csv"},
        sealed=seal(inside.id, {"header": "Bearer hush"}),
    )
    create_key(owner, "Ours", "all")
    client.force_login(owner)
    client.post(reverse("export", args=[inside.slug]))
    perform_runs()
    run = Run.objects.get(kind="export")
    answer = client.get(reverse("take_export", args=[inside.slug, run.id]))
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def test_it_holds_every_row_every_file_and_the_records_as_csv(taken, inside, scored):
    assert taken.testzip() is None
    with connection.cursor() as cursor:
        for model in tenant_models():
            table = model._meta.db_table
            rows = [json.loads(line) for line in taken.read(f"tables/{table}.jsonl").decode().splitlines()]
            assert {row["workspace_id"] for row in rows} <= {inside.id}
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            later = {"runs_run", "workspaces_auditentry"}  # went on while it was written
            assert len(rows) == cursor.fetchone()[0] or table in later, table
    stored = {key.removeprefix(f"w/{inside.id}/") for key in storage.all_keys() if key.startswith(f"w/{inside.id}/")}
    assert {name.removeprefix("files/") for name in taken.namelist() if name.startswith("files/")} == {
        key for key in stored if not key.startswith("exports/")
    }
    found = list(
        csv.reader(io.StringIO(taken.read(f"records/telco-customers-{scored.dataset_id}.csv").decode("utf-8-sig")))
    )
    with TELCO.open(encoding="utf-8-sig") as file:
        assert len(found) == len(file.readlines())
    assert found[0][0] == "customerID"


def test_no_secret_is_in_it(taken):
    for name in taken.namelist():
        if name.startswith("tables/"):
            text = taken.read(name).decode()
            assert not [word for word in ('"sealed"', '"key_hash"', '"token_hash"') if word in text], name


def test_only_an_admin_may_take_it(client, inside, join):
    client.force_login(join(inside, "builder"))
    assert client.post(reverse("export", args=[inside.slug])).status_code == 403
