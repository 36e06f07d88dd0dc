"""Behind a real pgbouncer in transaction mode, where the next transaction of anybody may get the connection of this one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest

from tests.conftest import ROOT
from tests.e2e.stack import wait_for
from tests.servers import free_port

CODE = """
import django; django.setup()
from concurrent.futures import ThreadPoolExecutor
from django.db import connection
from apps.datasets.models import Dataset
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope
user = User.objects.create_user("pooled@x.example", "a long enough password", name="Pool")
ids = [create_workspace(f"Pool {n}", user).id for n in range(4)]
def work(number):
    for turn in range(25):
        with workspace_scope(number):
            Dataset.objects.create(name=f"{number} {turn}")
            assert set(Dataset.objects.values_list("workspace_id", flat=True)) == {number}
        with connection.cursor() as cursor:  # outside of any scope, on whatever connection comes
            cursor.execute("SELECT count(*) FROM datasets_dataset")
            assert cursor.fetchone() == (0,)
    with workspace_scope(number):
        found = sum(1 for _ in Dataset.objects.order_by("id").iterator(chunk_size=5))
    connection.close()
    return found
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(work, ids)))
    assert connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def pooled_url(django_db_setup, settings, tmp_path):
    """The application's address through a pooler that has two connections for everybody."""
    url, port = urlsplit(settings.DATABASE_URL), free_port()
    folder, password = parse_qs(url.query)["host"][0], unquote(url.password)
    (tmp_path / "users").write_text(f'"{url.username}" "{password}"\n')
    (tmp_path / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={folder}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = scram-sha-256\nauth_file = users\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    account = {"user": "einstein-postgres", "group": "einstein-postgres"} if os.geteuid() == 0 else {}
    if account:  # pgbouncer refuses to run as root
        for path in (tmp_path, *tmp_path.iterdir()):
            shutil.chown(path, "einstein-postgres")
        for above in (tmp_path.parent, tmp_path.parent.parent):
            above.chmod(0o711)
    process = subprocess.Popen(
        ["/usr/sbin/pgbouncer", "pgbouncer.ini"], cwd=tmp_path, stderr=subprocess.DEVNULL, **account
    )
    wait_for(lambda: listens(port), 10, "pgbouncer")
    yield f"postgresql://{url.username}:{url.password}@127.0.0.1:{port}{url.path}"
    process.terminate()
    process.wait(10)


@pytest.fixture
def emptied(settings):
    """What another process wrote stays after its transactions; the tests that follow begin with nothing."""
    yield
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute("TRUNCATE workspaces_workspace, workspaces_user CASCADE")


def test_the_walls_hold_while_four_workspaces_share_two_connections(pooled_url, emptied):
    env = os.environ | {
        "DATABASE_URL": pooled_url,
        "EINSTEIN_PGBOUNCER": "1",
        "DJANGO_SETTINGS_MODULE": "einstein.settings",
    }
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "[25, 25, 25, 25]"
