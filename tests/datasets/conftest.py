"""Sources run on this machine, which the product reaches only when it is told so."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _this_machine_may_be_reached(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]
