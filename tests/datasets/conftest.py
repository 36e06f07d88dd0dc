"""The servers that sources are read from; each is started once a test process."""

from __future__ import annotations

import pytest

from tests.conftest import VAR
from tests.servers import S3, SFTP, MariaDB, OtherPostgres


@pytest.fixture(autouse=True)
def _this_machine_may_be_reached(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


@pytest.fixture(scope="session")
def other_postgres():
    server = OtherPostgres(VAR / "other").start_fresh()
    yield server
    server.leave()


@pytest.fixture(scope="session")
def mariadb():
    server = MariaDB(VAR / "mariadb").start()
    yield server
    server.stop()


@pytest.fixture
def sftp(tmp_path):
    server = SFTP(tmp_path / "sftp").start()
    yield server
    server.stop()


@pytest.fixture
def bucket():
    server = S3().start()
    yield server
    server.stop()
