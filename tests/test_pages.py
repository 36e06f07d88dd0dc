"""Pages stay fast on a big workspace, errors speak plainly, and odd form posts change nothing."""

from __future__ import annotations

import logging

import pytest

from apps.datasets.models import Dataset
from apps.predictions.models import Prediction
from apps.workspaces.scope import workspace_scope

LISTS = ["", "datasets/", "predictions/", "monitoring/", "alerts/", "settings/", "settings/audit/", "settings/keys/"]


@pytest.fixture
def inside_pages(client, owner, workspace):
    client.force_login(owner)
    found = [path for path in LISTS if client.get(f"/w/{workspace.slug}/{path}").status_code == 200]
    assert len(found) >= 6
    return found


def test_lists_cost_the_same_number_of_queries_however_long_they_are(
    client, inside_pages, owner, workspace, django_assert_max_num_queries
):
    def cost(path: str, most: int = 40) -> int:
        with django_assert_max_num_queries(most) as counted:
            client.get(f"/w/{workspace.slug}/{path}")
        return len(counted)

    def fill(count: int) -> None:
        with workspace_scope(workspace.id):
            for number in range(count):
                dataset = Dataset.objects.create(name=f"D{number}")
                Prediction.objects.create(name=f"P{number}", dataset=dataset, owner=owner, state="active")

    fill(2)
    few = {path: cost(path) for path in inside_pages}
    fill(40)
    assert {path: cost(path) for path in inside_pages} == few


def test_an_error_page_carries_a_reference_that_is_found_in_the_log(client, owner, workspace, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("a fault nobody expected")

    monkeypatch.setattr("apps.predictions.views.prediction_list", broken)
    client.force_login(owner)
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR, logger="einstein.errors"):
        answer = client.get(f"/w/{workspace.slug}/predictions/")
    assert answer.status_code == 500
    assert answer["X-Reference"] in answer.content.decode()
    assert answer["X-Reference"] in caplog.text
    assert "a fault nobody expected" in caplog.text
    assert "a fault nobody expected" not in answer.content.decode()


def test_what_is_not_there_and_what_is_not_allowed_say_so_in_plain_words(client, owner, workspace, join):
    client.force_login(owner)
    missing = client.get(f"/w/{workspace.slug}/nothing/")
    assert missing.status_code == 404
    assert "There is nothing here" in missing.content.decode()
    client.force_login(join(workspace, "viewer"))
    forbidden = client.get(f"/w/{workspace.slug}/settings/keys/")
    assert "Your role does not allow this" in forbidden.content.decode()


def test_every_page_asks_the_browser_to_run_only_our_own_code(client, owner, workspace):
    client.force_login(owner)
    policy = client.get(f"/w/{workspace.slug}/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy or "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("action", ["rename", "pause", "archive", "delete", "undo", "resume", "nonsense", ""])
@pytest.mark.parametrize("kind", ["datasets", "predictions"])
def test_things_are_paused_archived_deleted_and_brought_back(client, owner, workspace, kind, action):
    client.force_login(owner)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="D")
        thing = dataset if kind == "datasets" else Prediction.objects.create(name="P", dataset=dataset)
    before = thing.state
    address = f"/w/{workspace.slug}/{kind}/{thing.id}/change/"
    assert client.post(address, {"action": action}).status_code == 302
    client.post(address, {"action": "undo"})
    with workspace_scope(workspace.id):
        thing.refresh_from_db()
    assert thing.state == before


def test_what_was_paused_and_then_deleted_comes_back_paused(client, owner, workspace):
    client.force_login(owner)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="D")
    for action, state in (("pause", "paused"), ("delete", "deleted"), ("undo", "paused"), ("resume", "active")):
        client.post(f"/w/{workspace.slug}/datasets/{dataset.id}/change/", {"action": action})
        with workspace_scope(workspace.id):
            dataset.refresh_from_db()
        assert dataset.state == state


def test_a_deleted_thing_can_be_brought_back_from_its_list(client, owner, workspace):
    client.force_login(owner)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="My table")
        prediction = Prediction.objects.create(name="My prediction", dataset=dataset)
    for kind, thing in (("predictions", prediction), ("datasets", dataset)):
        answer = client.post(f"/w/{workspace.slug}/{kind}/{thing.id}/change/", {"action": "delete"}, follow=True)
        shown = answer.content.decode()
        assert f"{thing.name} is deleted." in shown
        assert 'value="undo"' in shown


def test_every_icon_that_a_screen_or_a_field_type_names_exists():
    import re

    from einstein.ml.types import registry
    from einstein.web.templatetags.words import icon
    from tests.conftest import ROOT

    named = {
        name
        for page in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r'{% icon "([\w-]+)"', page.read_text())
    }
    for name in named | {field_type.icon for field_type in registry().values()}:
        assert "<svg" in icon(name)
