"""An admin sees what goes and what stays, tries other days out, and keeps things shorter; never longer."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.datasets.models import Upload
from apps.pipeline.checks import days_can_be_kept
from apps.pipeline.clean import clean_due
from apps.pipeline.models import Retention
from apps.pipeline.retention import registry
from apps.workspaces.models import AuditEntry


@pytest.fixture
def page(client, owner, inside):
    client.force_login(owner)
    return reverse("retention", args=[inside.slug])


def going(answer) -> dict[str, int | None]:
    return {line.kind.name: line.going for line in answer.context["lines"]}


def test_every_kind_is_told_in_words_with_what_would_go_now(client, page, dataset, aged):
    aged(Upload, 100, "uploaded_at")
    answer = client.get(page)
    text = answer.content.decode()
    for kind in registry().values():
        assert (kind.title in text) is kind.inside
    assert going(answer)["uploads"] == 1 and going(answer)["snapshots"] == 0


def test_trying_days_out_counts_and_changes_nothing(client, page, dataset, aged):
    aged(Upload, 40, "uploaded_at")
    assert going(client.get(page))["uploads"] == 0
    answer = client.post(page, {"uploads": "30", "action": "look"})
    assert going(answer)["uploads"] == 1
    assert not Retention.objects.exists() and Upload.objects.get().storage_key


def test_shorter_days_are_kept_told_in_the_log_and_followed(client, page, dataset, aged):
    aged(Upload, 40, "uploaded_at")
    client.post(page, {"uploads": "30", "action": "save"})
    assert Retention.objects.get().days == {"uploads": 30}
    assert AuditEntry.objects.get(action="days of keeping changed").detail == {"days": {"uploads": 30}, "before": {}}
    clean_due()
    assert Upload.objects.get().storage_key == ""
    client.post(page, {"action": "save"})
    assert Retention.objects.get().days == {}


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ({"uploads": "91"}, "This installation keeps it for 90 days at most."),
        ({"audit": "30"}, "Keep it for 365 days or more."),
        ({"uploads": "0"}, "Keep it for 1 day or more."),
        ({"uploads": "ten"}, "Give a whole number of days."),
        ({"uploads": "9" * 30}, "This installation keeps it for 90 days at most."),
    ],
)
def test_days_that_do_not_fit_say_why_and_nothing_is_saved(client, page, days, words):
    answer = client.post(page, days | {"action": "save"})
    assert words in answer.content.decode() and not Retention.objects.exists()
    assert going(answer)[next(iter(days))] is None


def test_only_an_admin_sees_it(client, inside, join, page):
    client.force_login(join(inside, "builder"))
    assert client.get(page).status_code == 403


def test_the_page_costs_the_same_however_much_there_is(client, page, dataset, aged):
    client.get(page)  # what a process asks once
    with CaptureQueriesContext(connection) as one:
        client.get(page)
    for number in range(50):
        Upload.objects.create(dataset=dataset, filename=f"{number}.csv", size=1, storage_key=f"w/0/{number}")
    aged(Upload, 100, "uploaded_at")
    with CaptureQueriesContext(connection) as many:
        assert going(client.get(page))["uploads"] == 51
    assert len(many) == len(one) < 50


def test_days_that_cannot_be_meant_are_refused_at_start(settings):
    settings.KEEP_DAYS = {"uploads": 30}
    assert days_can_be_kept(None) == []
    settings.KEEP_DAYS = {"uplaods": 30, "audit": 30}
    told = days_can_be_kept(None)
    assert (
        "EINSTEIN_KEEP_UPLAODS_DAYS names nothing" in told[0].msg and "EINSTEIN_KEEP_AUDIT_DAYS to 365" in told[1].hint
    )
