"""One installation and its companies for all faults; every test lets one night pass and looks in the morning."""

from __future__ import annotations

import pytest

from tests.conftest import WORKER
from tests.e2e.stack import wait_for
from tests.faults.installation import Installation
from tests.faults.nights import Fleet

COMPANIES = 4


@pytest.fixture(scope="module")
def installation():
    made = Installation(f"faults-{WORKER}")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def fleet(installation):
    """Companies with one quiet night behind them, so that everybody knows what is usual; the host that did it is gone."""
    found = Fleet(installation, COMPANIES)
    host = installation.host("first").start()
    found.nightfall()
    found.morning()
    assert found.losses() == []
    host.stop()
    return found


@pytest.fixture
def host(installation, fleet):
    """The machine of tonight."""
    running = installation.host("host").start()
    wait_for(lambda: len(running.pids("manage.py work")) >= 4, 120, "the machine to be up")
    yield running
    running.kill()
