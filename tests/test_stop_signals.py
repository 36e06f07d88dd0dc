"""Asked to stop, a process stops, also when it is asked many times at once, as by Ctrl-C on `make` and its group."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT

WAITS = """
from einstein.stop_signals import stop_signals
stop = stop_signals()
print("waits", flush=True)
while not stop.wait(0.01):
    pass
print("stopped", flush=True)
"""


@pytest.mark.parametrize("signals", [1, 2, 40])
def test_a_process_that_is_asked_to_stop_stops_however_many_signals_come(signals):
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "waits\n"
        for number in range(signals):
            if process.poll() is None:
                process.send_signal(signal.SIGINT if number % 2 else signal.SIGTERM)
        assert process.communicate(timeout=20)[0] == "stopped\n"
