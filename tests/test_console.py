"""What operators and machines see of the installation."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from apps.console import health
from apps.monitoring.installation import CLOCK
from apps.monitoring.models import DiskDay, OperatorIncident, Pulse, ScheduledBackup
from apps.runs.models import Run
from apps.workspaces.scope import workspace_scope


@pytest.fixture
def operator(client, make_user):
    staff = make_user("ops@x.example")
    staff.is_staff = True
    staff.save()
    client.force_login(staff)
    return client


@pytest.fixture
def living_clock(db):
    Pulse.objects.create(part=CLOCK, at=timezone.now())


def test_all_is_well_is_said_in_one_look(operator, living_clock, workspace):
    page = operator.get("/console/").content.decode()
    assert "All is well." in page and "nothing waits" in page


def test_what_is_wrong_comes_first_over_all_workspaces(operator, workspace, elsewhere):
    for number, one in enumerate((workspace, elsewhere)):
        with workspace_scope(one.id):
            Run.objects.create(kind="score", subject_id=number, due_at=timezone.now() - timedelta(minutes=20))
            Run.objects.create(kind="train", subject_id=number, state="failed", ended_at=timezone.now(), error="Brightline's secret")  # fmt: skip
    OperatorIncident.objects.create(kind="runs_late", sees="2 predictions have had no new scores.")
    page = operator.get("/console/").content.decode()
    told = re.findall(r'class="notice bad">.*?<div>(.*?)</div>', page, re.DOTALL)
    assert "Planned runs are not picked up" in told[0]
    assert "The clock shows no sign of life" in told[1]
    assert "The oldest run of the queue interactive has waited for 20 minutes; 2 wait." in told[2]
    assert "Training" in page and "Brightline" not in page


def test_a_queue_that_a_fault_speaks_of_is_told_once(operator, living_clock, workspace):
    with workspace_scope(workspace.id):
        Run.objects.create(kind="score", subject_id=1, due_at=timezone.now() - timedelta(minutes=20))
    OperatorIncident.objects.create(kind="workers_gone", sees="Nobody works on the queue interactive: 1 wait.")
    page = operator.get("/console/").content.decode()
    assert "Nobody works on the queue interactive" in page and "The oldest run of the queue" not in page


def test_the_console_is_for_operators_alone(client, owner, workspace):
    client.force_login(owner)
    assert client.get("/console/").status_code == 404


def test_the_console_costs_the_same_however_much_there_is(
    operator, living_clock, workspace, django_assert_max_num_queries
):
    with workspace_scope(workspace.id):
        Run.objects.bulk_create(Run(kind="score", subject_id=number) for number in range(300))
    operator.get("/console/log/")  # the first page of a log-in notes where it is
    with django_assert_max_num_queries(12):
        operator.get("/console/")


def test_a_living_process_says_so_without_its_database(client):
    assert client.get("/healthz").content == b"ok\n"


def test_a_process_that_can_serve_is_ready(client, db):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "checks": {"database": "ok", "files": "ok"}})


def test_what_keeps_a_process_from_serving_is_said(client, db, settings, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("")
    settings.STORAGE_URL = str(tmp_path / "a file")
    assert client.get("/readyz").json()["checks"]["files"] == "cannot be written"

    assert client.get("/readyz").status_code == 503

    def away(*_: object) -> None:
        raise DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(health.connection, "cursor", away)
        assert client.get("/readyz").json()["checks"]["database"] == "cannot be reached"


def test_a_process_whose_schema_is_older_is_not_ready_until_it_is_migrated(client, db, monkeypatch):
    health._refuse_unmigrated.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(health.MigrationExecutor, "migration_plan", lambda *_: [("datasets", "0099")])
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "1 migrations are not applied")
    assert client.get("/readyz").status_code == 200


def test_metrics_are_for_who_has_the_token(client, settings, living_clock, workspace):
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "a long token"  # noqa: S105
    for wrong in ("", "Bearer ", "Bearer a long tokens", "Basic a long token", "Bearer \u00e9"):
        assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 404
    with workspace_scope(workspace.id):
        Run.objects.create(kind="score", subject_id=1, due_at=timezone.now() - timedelta(seconds=90))
    answer = client.get("/metrics", headers={"Authorization": "Bearer a long token"})
    lines = answer.content.decode().splitlines()
    assert (
        'einstein_runs_waiting{of="interactive"} 1' in lines
        and "einstein_clock_lives 1" in lines
        and "einstein_workspaces 1" in lines
    )
    waited = next(line for line in lines if line.startswith('einstein_oldest_waiting_seconds{of="interactive"}'))
    assert float(waited.split()[-1]) >= 89
    assert all(
        re.fullmatch(r'# (HELP|TYPE) einstein_\w+ .+|einstein_\w+(\{of="[\w-]+"\})? [\d.e+-]+', line) for line in lines
    )


@pytest.fixture
def filling(db, living_clock, monkeypatch):
    """Ten days on which a disk of 100 GB filled by 2 GB a day; 30 GB are left."""
    from apps.monitoring import disk
    from einstein.disk import Space

    monkeypatch.setattr(disk.disk, "spaces", lambda: {"files": Space(30 * 10**9, 100 * 10**9)})
    for back in range(10):
        places = {"files": [(30 + 2 * back) * 10**9, 100 * 10**9]}
        kinds = {"uploads": 5 * 10**9, "database": 10**9}
        DiskDay.objects.create(day=timezone.now().date() - timedelta(days=back), places=places, kinds=kinds)


def test_the_room_that_is_left_is_told_with_when_it_ends_and_what_takes_it(operator, filling):
    page = operator.get("/console/").content.decode()
    assert "At this rate the disk is full in about 15 days (between 15 and 15)." in page
    assert "1.9\xa0GB more a day" in page and "Files as they came" in page


def test_backups_are_shown_with_what_went_wrong(operator, living_clock, settings, tmp_path):
    page = operator.get("/console/").content.decode()
    assert "The clock makes none. Set EINSTEIN_BACKUP_FOLDER" in page
    settings.BACKUP_FOLDER = str(tmp_path)
    ScheduledBackup.objects.create(ended_at=timezone.now(), folder="x", rows=1234, files=5, bytes=10)
    ScheduledBackup.objects.create(ended_at=timezone.now(), problem="The disk is full.")
    page = operator.get("/console/").content.decode()
    assert "Comes back whole" in page and "1,234" in page and "The disk is full." in page
    assert "They lie on the same disk as the data." in page


def test_metrics_hold_the_disk_and_the_age_of_the_last_backup(client, settings, filling, tmp_path):
    settings.METRICS_TOKEN, settings.BACKUP_FOLDER = "a long token", str(tmp_path)
    ScheduledBackup.objects.create(ended_at=timezone.now(), started_at=timezone.now() - timedelta(hours=2))
    lines = client.get("/metrics", headers={"Authorization": "Bearer a long token"}).content.decode().splitlines()
    assert (
        'einstein_disk_free_bytes{of="files"} 3e+10' in lines and 'einstein_stored_bytes{of="uploads"} 5e+09' in lines
    )
    assert 'einstein_disk_full_in_days{of="files"} 15' in lines
    age = next(float(line.split()[1]) for line in lines if line.startswith("einstein_backup_age_seconds"))
    assert age == pytest.approx(7200, abs=60)
