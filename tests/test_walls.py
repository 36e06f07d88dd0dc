"""The walls between workspaces: in SQL, in the tenant scope, and on every route of the resolver."""

from __future__ import annotations

import pytest
from django.db import connection
from django.urls import URLPattern, URLResolver, get_resolver

from apps.datasets.models import Dataset, Enrichment, HeldTable, PushedBatch, Source
from apps.deliveries.models import Delivery, Widget
from apps.monitoring.models import Alert, CustomCheck, Incident, Recipient
from apps.outbox.models import RefusedAddress, Sending
from apps.predictions.models import ModelVersion, Prediction
from apps.runs.models import Run
from apps.workspaces.models import ApiKey, Invitation, Membership
from apps.workspaces.scope import NoWorkspace, workspace_scope
from apps.workspaces.tenancy import tenant_models
from einstein.postgres.safety import refuse_unsafe_role


def routes() -> list[tuple[str, URLPattern]]:
    """Every (path, pattern) of the resolver below /w/ and /api/v1/."""

    def walk(resolver: URLResolver, prefix: str):
        for item in resolver.url_patterns:
            path = prefix + str(item.pattern)
            if isinstance(item, URLResolver):
                yield from walk(item, path)
            else:
                yield path, item

    return [(path, item) for path, item in walk(get_resolver(), "") if path.startswith(("w/", "api/v1/"))]


@pytest.fixture
def foreign_objects(elsewhere, stranger):
    """One object of each kind in the other workspace, and the URL arguments that name them."""
    from django.utils import timezone

    with workspace_scope(elsewhere.id):
        dataset = Dataset.objects.create(name="Theirs")
        prediction = Prediction.objects.create(name="Theirs", dataset=dataset, state="active")
        version = ModelVersion.objects.create(prediction=prediction, number=1, state="champion")
        Prediction.objects.filter(id=prediction.id).update(champion=version)
        widget = Widget.objects.create(prediction=prediction, name="Theirs", origins=["https://x.example"])
        alert = Incident.objects.create(cause=f"dataset:{dataset.id}", severity="warning", title="Theirs")
        Alert.objects.create(
            prediction=prediction,
            incident=alert,
            check_kind="data_in_range",
            severity="warning",
            title="Theirs",
            answers={},
        )
        key = ApiKey.objects.create(name="Theirs", prefix="ek", key_hash="x")
        invitation = Invitation.objects.create(
            email="a@b.example", role="viewer", token_hash="y", expires_at=timezone.now()
        )
        membership = Membership.objects.get(user=stranger)
        Enrichment.objects.create(dataset=Dataset.objects.create(name="Theirs made"), base=dataset)
        Source.objects.create(
            dataset=dataset, kind="postgresql", settings={"host": "db.x.example"}, pick={"table": "t"}, state="active"
        )
        held = HeldTable.objects.create(dataset=dataset, storage_key="w/0/nothing")
        delivery = Delivery.objects.create(
            prediction=prediction, kind="webhook", name="Theirs", settings={"url": "https://x.example", "events": []}
        )
        batch = PushedBatch.objects.create(
            dataset=dataset,
            idempotency_key="k",
            sha256="x",
            records=1,
            storage_key="w/0/nothing",
            due_at=timezone.now(),
        )
        sending = Sending.objects.create(
            destination_id=delivery.id, subject_id=prediction.id, event="scores", event_id="e", dedupe_key="d"
        )
        run = Run.objects.create(
            kind="export", subject_id=elsewhere.id, state="succeeded", outcome={"key": "w/0/nothing", "bytes": 1}
        )
    return {
        "dataset_id": dataset.id, "related_id": dataset.id, "prediction_id": prediction.id, "number": 1, "widget_id": widget.id, "incident_id": alert.id, "key_id": key.id,
        "invitation_id": invitation.id, "membership_id": membership.id, "field_id": 1, "key": "k", "step": "question",
        "held_id": held.id, "kind": "postgresql", "delivery_id": delivery.id, "sending_id": sending.id, "form": "csv", "batch_id": batch.id, "run_id": run.id,
    }  # fmt: skip


def address(path: str, slug: str, values: dict) -> str:
    import re

    filled = path.replace("<slug:slug>", slug)
    return "/" + re.sub(r"<\w+:(\w+)>", lambda match: str(values[match.group(1)]), filled)


def names_an_object(path: str) -> bool:
    return "_id>" in path


def test_the_application_role_cannot_walk_through_row_level_security(db):
    refuse_unsafe_role()
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)


def test_raw_sql_without_a_workspace_sees_no_row_of_any_tenant_table(workspace, foreign_objects):
    with connection.cursor() as cursor:
        for model in tenant_models():
            cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
            assert cursor.fetchone() == (0,), model


def test_raw_sql_inside_a_workspace_sees_only_its_own_rows(workspace, foreign_objects):
    with workspace_scope(workspace.id), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM datasets_dataset")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT name FROM workspaces_workspace")
        assert cursor.fetchall() == [("Brightline",)]


def test_a_row_cannot_be_written_into_another_workspace(workspace, elsewhere):
    from django.db import ProgrammingError, transaction

    with (
        workspace_scope(workspace.id),
        pytest.raises(ProgrammingError, match="row-level security"),
        transaction.atomic(),
    ):
        Dataset(name="Smuggled", workspace_id=elsewhere.id).save()


def test_every_tenant_table_has_forced_row_level_security(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        walled = {name for (name,) in cursor.fetchall()}
    assert {model._meta.db_table for model in tenant_models()} | {"workspaces_workspace"} <= walled


def test_a_query_without_a_workspace_raises(db):
    with pytest.raises(NoWorkspace):
        Dataset.objects.count()


def test_no_route_shows_or_changes_an_object_of_another_workspace(client, owner, workspace, elsewhere, foreign_objects):
    client.force_login(owner)
    before = counts(elsewhere.id)
    walked = 0
    for path, _ in routes():
        if not path.startswith("w/"):
            continue
        for method in (client.get, client.post):
            assert method(address(path, elsewhere.slug, foreign_objects)).status_code == 404, path
            if names_an_object(path):
                answer = method(address(path, workspace.slug, foreign_objects))
                assert answer.status_code in {404, 405}, (path, answer.status_code)
                walked += 1
    assert walked > 50
    assert counts(elsewhere.id) == before


def test_no_api_method_reaches_an_object_of_another_workspace(client, owner, workspace, foreign_objects):
    from apps.workspaces.api_keys import create_key

    with workspace_scope(workspace.id):
        _, plain = create_key(owner, "Ours", "all")
    for path, _ in routes():
        if path.startswith("api/v1/"):
            url = address(path, workspace.slug, foreign_objects)
            for method in ("GET", "POST", "PUT", "DELETE"):
                answer = client.generic(
                    method, url, "{}", "application/json", headers={"Authorization": f"Bearer {plain}"}
                )
                if names_an_object(path):
                    assert answer.status_code in {404, 405}, (path, answer.status_code)
                assert "Theirs" not in answer.content.decode()
                assert client.get(url).status_code in {401, 405}


@pytest.mark.parametrize("role", ["viewer", "builder"])
def test_lesser_roles_get_403_where_they_may_not_and_nothing_changes(client, workspace, join, role):
    from apps.workspaces.models import ROLES

    client.force_login(join(workspace, role))
    values = dict.fromkeys(
        [
            "dataset_id",
            "related_id",
            "prediction_id",
            "number",
            "widget_id",
            "incident_id",
            "key_id",
            "invitation_id",
            "membership_id",
            "field_id",
            "held_id",
            "delivery_id",
            "sending_id",
            "run_id",
        ],
        1,
    )
    before, refused = counts(workspace.id), 0
    for path, item in routes():
        needed = getattr(item.callback, "role", None)
        if path.startswith("w/") and ROLES.index(needed) > ROLES.index(role):
            for method in (client.get, client.post):
                assert (
                    method(
                        address(
                            path,
                            workspace.slug,
                            {**values, "key": "k", "step": "question", "kind": "url", "form": "csv"},
                        )
                    ).status_code
                    == 403
                ), path
                refused += 1
    assert refused > 10
    assert counts(workspace.id) == before


def test_another_workspaces_numbers_in_forms_do_nothing(client, owner, scored, elsewhere, foreign_objects):
    workspace, theirs = scored.workspace, foreign_objects
    with workspace_scope(elsewhere.id):
        their_prediction = Prediction.objects.get(id=theirs["prediction_id"])
        check = CustomCheck.objects.create(prediction=their_prediction, metric="records", limit=1)
        refused = RefusedAddress.objects.create(email="a@b.example")
        recipient = Recipient.objects.create(email="a@b.example")
    before, client = counts(elsewhere.id), logged_in(client, owner)
    settings = f"/w/{workspace.slug}/predictions/{scored.id}/monitoring/settings/"
    for address, body in (
        (f"/w/{workspace.slug}/predictions/new/", {"dataset": theirs["dataset_id"]}),
        (f"/w/{workspace.slug}/predictions/{scored.id}/wizard/data/", {"dataset": theirs["dataset_id"]}),
        (settings, {"part": "remove_check", "id": check.id}),
        (settings, {"part": "remove_recipient", "id": recipient.id}),
        (settings, {"part": "reach_again", "id": refused.id}),
        (f"/w/{workspace.slug}/datasets/{scored.dataset_id}/change/", {"action": "delete", "workspace": elsewhere.id, "workspace_id": elsewhere.id, "id": theirs["dataset_id"]}),
    ):  # fmt: skip
        assert client.post(address, body).status_code in {200, 302, 400}, address
    assert counts(elsewhere.id) == before
    with workspace_scope(elsewhere.id):
        assert Dataset.objects.get(id=theirs["dataset_id"]).state == "active"
    with workspace_scope(workspace.id):
        assert not Prediction.objects.filter(dataset_id=theirs["dataset_id"]).exists()


def test_another_workspaces_number_in_a_header_changes_nothing(client, owner, workspace, elsewhere, foreign_objects):
    from apps.workspaces.api_keys import create_key

    with workspace_scope(workspace.id):
        _, plain = create_key(owner, "Ours", "all")
    forged = {name: str(value) for value in (elsewhere.id, elsewhere.slug) for name in (
        "X-Workspace", "X-Workspace-Id", "X-Tenant", "X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL")}  # fmt: skip
    logged_in(client, owner)
    page = client.get(f"/w/{workspace.slug}/datasets/", headers=forged)
    listed = client.get("/api/v1/predictions/", headers=forged | {"Authorization": f"Bearer {plain}"})
    assert "Theirs" not in page.content.decode() + listed.content.decode()
    assert client.get(f"/w/{elsewhere.slug}/", headers=forged | {"X-Workspace": workspace.slug}).status_code == 404


def test_a_signed_link_of_one_workspace_opens_nothing_of_another_however_it_is_changed(
    client, elsewhere, foreign_objects, workspace
):
    from apps.monitoring.links import answer_url

    with workspace_scope(elsewhere.id):
        incident = Incident.objects.get(id=foreign_objects["incident_id"])
        good = answer_url(incident, "a@b.example")
    path = good[good.index("/", 8) :]
    for place in range(len(path) - 30, len(path) - 1, 3):
        changed = path[:place] + ("A" if path[place] != "A" else "B") + path[place + 1 :]
        answer = client.get(changed)
        assert answer.status_code in {404, 410, 400}, (place, answer.status_code)
        assert "Theirs" not in answer.content.decode()


@pytest.mark.parametrize("key", ["w/1/../2/models/x", "../etc/passwd", "w/1/models/../../../x"])
def test_a_path_of_a_file_cannot_climb_out_of_its_workspace(key):
    from einstein import storage

    for deed in (
        storage.delete,
        lambda name: storage.put_bytes(b"x", name),
        lambda name: storage.local_copy(name).__enter__(),
    ):
        with pytest.raises(ValueError, match="may not climb"):
            deed(key)


def logged_in(client, person):
    client.force_login(person)
    return client


def test_every_workspace_route_names_the_role_it_needs(db):
    assert [path for path, item in routes() if path.startswith("w/") and not hasattr(item.callback, "role")] == []


def test_strangers_are_sent_to_the_log_in(client, workspace):
    for path, _ in routes():
        if path.startswith("w/") and not names_an_object(path):
            assert client.get(address(path, workspace.slug, {"kind": "url"})).status_code in {302, 404}, path


def counts(workspace_id: int) -> dict[str, int]:
    with workspace_scope(workspace_id):
        return {model._meta.db_table: model.objects.count() for model in tenant_models()}
