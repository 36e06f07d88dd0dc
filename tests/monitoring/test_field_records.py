"""From a field's chart to the records behind it."""

from __future__ import annotations

import pytest

from apps.datasets.models import Snapshot
from apps.scoring.models import Score


@pytest.fixture
def opened(client, owner, scored, inside):
    client.force_login(owner)

    def get(name: str, holds: str = ""):
        return client.get(f"/w/{inside.slug}/predictions/{scored.id}/monitoring/field/", {"name": name, "holds": holds})

    return get


def test_what_is_strange_comes_first_and_leads_to_its_record(opened, next_run):
    def change(table):
        table.loc[table["Churn"] == "", "MonthlyCharges"] = (
            table["MonthlyCharges"]
            .mask(table.index % 4 == 0, "see note")
            .mask(table.index % 4 == 1, "9000")
            .mask(table.index % 4 == 2, "")
        )
        return table

    next_run(change)
    page = opened("MonthlyCharges").content.decode()
    assert "Cannot be read 5" in page and "Outside what training held" in page and "see note" in page
    assert "9000" not in page
    outside = opened("MonthlyCharges", "outside").content.decode()
    assert "9000" in outside and "see note" not in outside
    assert "empty" in opened("MonthlyCharges", "blank").content.decode()


def test_a_field_that_is_as_in_training_shows_its_records_by_score(opened, scored):
    page = opened("Contract")
    best = Score.objects.filter(prediction=scored).order_by("-value").first()
    assert f"/records/{best.key}/" in page.content.decode() and "As in training 200" in page.content.decode()


@pytest.mark.parametrize("name", ["", "no such field", "Churn", "' OR 1=1", "a\x7fb"])
def test_a_field_that_the_model_does_not_use_is_no_page(opened, name):
    assert opened(name).status_code == 404


def test_records_that_are_no_longer_kept_are_said_to_be(opened):
    Snapshot.objects.all().delete()
    assert "no longer kept" in opened("Contract").content.decode()


def test_a_stranger_finds_nothing(client, stranger, scored, workspace):
    client.force_login(stranger)
    answer = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/monitoring/field/", {"name": "Contract"})
    assert answer.status_code == 404
