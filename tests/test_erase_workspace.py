"""An erased workspace leaves no row and no file, others lose nothing, and nobody loses one by mistake."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from apps.outbox.models import AccountMessage
from apps.workspaces.erase import GRACE, erase_due
from apps.workspaces.models import AuditEntry, Erasure, Workspace
from apps.workspaces.scope import workspace_scope
from apps.workspaces.tenancy import tenant_models
from einstein import storage


def ask(client, workspace, name="Brightline", address="erase_workspace"):
    return client.post(reverse(address, args=[workspace.slug]), {"name": name}, follow=True)


def rows_of(workspace_id: int) -> dict[str, int]:
    """The rows of a workspace by table; the application sees all of them inside it and none outside."""
    found = {}
    with workspace_scope(workspace_id), connection.cursor() as cursor:
        for model in tenant_models():
            cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
            found[model._meta.db_table] = cursor.fetchone()[0]
    return found


def day_has_come(workspace) -> None:
    with workspace_scope(workspace.id):
        Workspace.objects.filter(id=workspace.id).update(erase_at=timezone.now() - timedelta(hours=1))


def mails_to(person) -> list[str]:
    return list(AccountMessage.objects.filter(to=person.email).order_by("id").values_list("subject", flat=True))


def test_on_its_day_every_row_and_file_of_a_workspace_goes_and_its_admin_is_told(
    client, scored, owner, elsewhere, workspace
):
    client.force_login(owner)
    storage.put_bytes(b"theirs", storage.key_for(elsewhere.id, "datasets", "x"))
    before, theirs = rows_of(workspace.id), rows_of(elsewhere.id)
    assert before["scoring_score"] and before["datasets_snapshot"] and before["workspaces_auditentry"]
    ask(client, workspace)
    day_has_come(workspace)
    assert erase_due() == 1
    assert set(rows_of(workspace.id).values()) == {0}
    assert not [key for key in storage.all_keys() if key.startswith(f"w/{workspace.id}/")]
    assert rows_of(elsewhere.id) == theirs
    assert storage.key_for(elsewhere.id, "datasets", "x") in storage.all_keys()
    erasure = Erasure.objects.get(workspace_number=workspace.id)
    assert erasure.rows >= sum(before.values()) - before["workspaces_auditentry"]
    assert mails_to(owner)[-2:] == [
        f"Brightline will be erased on {(timezone.now() + GRACE).astimezone(workspace.zone):%-d %B %Y}",
        "Brightline was erased",
    ]
    assert client.get(reverse("workspace_settings", args=[workspace.slug])).status_code == 404


def test_what_a_busy_worker_wrote_after_the_erasure_goes_too(client, workspace, owner):
    client.force_login(owner)
    ask(client, workspace)
    day_has_come(workspace)
    erase_due()
    storage.put_bytes(b"late", storage.key_for(workspace.id, "scores", "1.parquet"))
    assert erase_due() == 0
    assert not [key for key in storage.all_keys() if key.startswith(f"w/{workspace.id}/")]


def test_nothing_goes_before_its_day_and_keeping_takes_the_plan_back(client, dataset, owner, workspace):
    client.force_login(owner)
    page = ask(client, workspace).content.decode()
    assert "It will be erased on" in page and "This workspace will be erased on" in page
    before = rows_of(workspace.id)
    assert erase_due() == 0
    assert rows_of(workspace.id) == before
    ask(client, workspace, address="keep_workspace")
    with workspace_scope(workspace.id):
        assert Workspace.objects.get().erase_at is None
        assert AuditEntry.objects.filter(action="erasure taken back").exists()
    assert "Brightline stays" in mails_to(owner)


def test_on_its_day_it_can_no_longer_be_kept(client, workspace, owner):
    client.force_login(owner)
    ask(client, workspace)
    day_has_come(workspace)
    assert "it is being erased" in ask(client, workspace, address="keep_workspace").content.decode()
    assert erase_due() == 1


@pytest.mark.parametrize("typed", ["", "brightline", "Elsewhere"])
def test_another_name_erases_nothing_and_says_so(client, workspace, owner, typed):
    client.force_login(owner)
    assert "Type the name of the workspace as it is" in ask(client, workspace, typed).content.decode()
    with workspace_scope(workspace.id):
        assert Workspace.objects.get().erase_at is None


def test_the_log_of_a_workspace_that_is_not_due_cannot_be_removed_through_the_door(client, workspace, owner):
    client.force_login(owner)
    ask(client, workspace)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM forget_workspace(%s, 0)", [workspace.id])
        assert cursor.fetchall() == []
    assert rows_of(workspace.id)["workspaces_auditentry"]
