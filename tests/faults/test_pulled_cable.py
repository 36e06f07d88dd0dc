"""A machine that is cut off within a transaction: no connection ends, and yet what it held is soon another's to take."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.e2e.stack import wait_for
from tests.faults.hosts import ROOT, make_bridge, remove_network
from tests.faults.installation import Installation

MAKE = """
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
print(create_workspace("Cut off", User.objects.create_user("cut@off.example", "a long enough password", name="Cut")).id)
"""
HOLD = """
import django; django.setup()
from django.db import transaction
from apps.workspaces.models import Workspace
from apps.workspaces.scope import workspace_scope
import time
with workspace_scope({workspace}), transaction.atomic():
    Workspace.objects.select_for_update().get()
    print("held", flush=True)
    time.sleep(600)
"""
TAKE = "SELECT id FROM workspaces_workspace WHERE id = %s FOR UPDATE SKIP LOCKED"


@pytest.fixture
def installation():
    made = Installation("faults-cable", make_bridge())
    yield made
    made.stop()
    remove_network()


@pytest.mark.long
def test_what_a_machine_held_whose_cable_is_pulled_is_free_within_a_minute(installation, record_property):
    workspace = int(installation.run(MAKE))
    host = installation.host("cut").in_namespace(9)
    command = [*host.prefix, sys.executable, "-c", HOLD.format(workspace=workspace)]
    env = host.env | {"DJANGO_SETTINGS_MODULE": "einstein.settings"}
    holder = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline().strip() == "held"
        assert installation.sql(TAKE, workspace) == []
        subprocess.run(["ip", "link", "set", "ve9-out", "down"], check=True)
        began = time.monotonic()
        wait_for(lambda: installation.sql(TAKE, workspace), 60, "the lock to be freed")
        record_property("free after the cable was pulled", f"{time.monotonic() - began:.0f} s")
    finally:
        holder.kill()
        holder.wait()
