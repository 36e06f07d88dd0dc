"""The product's web server as einstein.serve starts it, for benches that measure through the whole HTTP stack."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time

import numpy as np

from bench.flow.installation import ROOT, VAR

READY_SECONDS = 60


def serve(application: str, port: int) -> subprocess.Popen:
    """Start it and wait until it takes connections; raises `AssertionError` when it does not."""
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--blocking-threads", "4",
               "--no-ws", "--log-level", "warning", application]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"EINSTEIN_VAR": str(VAR)})
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=2).connect()
            return server
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not start")


def load(
    port: int, method: str, path: str, body: str, headers: dict[str, str], calls: int, connections: int
) -> tuple[np.ndarray, int]:
    """(milliseconds of each call over connections that stay open, bytes of the largest answer); every answer must be 200."""
    times: list[float] = []
    sizes: list[int] = []

    def caller() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for _ in range(calls // connections):
            began = time.perf_counter()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            sizes.append(len(answer.read()))
            assert answer.status == 200, (path, answer.status)
            times.append((time.perf_counter() - began) * 1000)

    threads = [threading.Thread(target=caller) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == calls // connections * connections, "some calls failed"
    return np.array(times), max(sizes)
