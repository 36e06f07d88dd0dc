"""`make bench-load`: 50 people who look at a page every ten seconds, and 200 scorings of a record a second by REST, for two minutes through the
whole HTTP stack on one machine, which also makes the load. Calls by REST start when they are due, whether or not earlier ones have come back, and
are timed from when they were due. Limits: no error; the pages' and the calls' p99 are printed."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time

import numpy as np

from bench.flow.installation import ROOT, begin
from bench.live.__main__ import installed
from bench.pages import big_workspace
from bench.pages.__main__ import leave, logged_in
from bench.server import serve

PEOPLE, LOOKS_EVERY, A_SECOND, SECONDS, CALLERS, PORT = 50, 10.0, 200, 120, 24, 8980
PAGES = ["", "predictions/", "health/", "alerts/", "datasets/", "predictions/{p}/monitoring/", "settings/"]

Timed = list[tuple[str, float, int]]  # what, seconds, status (0: no answer)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--part", choices=["people", "calls"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        return _load(options.part, json.loads(sys.stdin.read()), options.seconds)
    os.environ["EINSTEIN_STATIC_BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    begin()
    user, workspace, plain, prediction, record, _ = installed(30.0)
    watched = big_workspace.fill(workspace, user)
    facts = {
        "cookie": logged_in(user), "pages": [f"/w/{workspace.slug}/{path.format(p=watched)}" for path in PAGES], "key": plain,
        "score": f"/api/v1/predictions/{prediction}/score", "body": json.dumps({"records": [record], "reasons": 3}),
    }  # fmt: skip
    server = serve("bench.live.wsgi:application", PORT)
    try:
        parts = {part: _started(part, facts, options.seconds) for part in ("people", "calls")}
        found = {part: json.loads(process.communicate()[0].splitlines()[-1]) for part, process in parts.items()}
    finally:
        server.terminate()
        server.wait(20)
        leave(workspace)
    return int(sum(_report(part, timed, options.seconds) for part, timed in found.items()) > 0)


def _started(part: str, facts: dict, seconds: int) -> subprocess.Popen:
    """Each kind of load is made by a process of its own."""
    command = [sys.executable, "-m", "bench.load", "--part", part, "--seconds", str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(facts))
    process.stdin.close()
    process.stdin = None
    return process


def _load(part: str, facts: dict, seconds: int) -> int:
    timed = _people(facts, seconds) if part == "people" else _calls(facts, seconds)
    print(json.dumps(timed))
    return 0


def _people(facts: dict, seconds: int) -> Timed:
    """Each looks at one page after another over a connection that stays open, as a browser does."""
    timed: Timed = []
    until = time.monotonic() + seconds

    def person(number: int) -> None:
        random = np.random.default_rng(number)
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        time.sleep(random.uniform(0, LOOKS_EVERY))
        while time.monotonic() < until:
            path = facts["pages"][random.integers(len(facts["pages"]))]
            timed.append(_asked(connection, "GET", path, "", {"Cookie": facts["cookie"]}, time.perf_counter()))
            time.sleep(random.uniform(0.6, 1.4) * LOOKS_EVERY)

    _all_of(person, PEOPLE)
    return timed


def _calls(facts: dict, seconds: int) -> Timed:
    """An open loop: what is late counts as slow."""
    timed: Timed = []
    due: queue.SimpleQueue[float | None] = queue.SimpleQueue()
    header = {"Authorization": f"Bearer {facts['key']}", "Content-Type": "application/json"}

    def caller(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while (moment := due.get()) is not None:
            timed.append(_asked(connection, "POST", facts["score"], facts["body"], header, moment))

    def clock() -> None:
        begin = time.perf_counter() + 1
        for number in range(A_SECOND * seconds):
            moment = begin + number / A_SECOND
            time.sleep(max(0.0, moment - time.perf_counter()))
            due.put(moment)
        for _ in range(CALLERS):
            due.put(None)

    ticking = threading.Thread(target=clock)
    ticking.start()
    _all_of(caller, CALLERS)
    ticking.join()
    return timed


def _all_of(work: object, count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _asked(
    connection: http.client.HTTPConnection, method: str, path: str, body: str, headers: dict, since: float
) -> tuple:
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        status = answer.status
    except OSError:
        connection.close()
        status = 0
    return path, time.perf_counter() - since, status


def _report(part: str, timed: Timed, seconds: int) -> bool:
    bad = [status for _, _, status in timed if status != 200]
    times = 1000 * np.array([taken for _, taken, _ in timed])
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    print(
        f"{part:8} {len(timed):,} answers, {len(timed) / seconds:.1f} a second, {len(bad)} errors {sorted(set(bad)) if bad else ''} "
        f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f}, at most {times.max():.0f} ms"
    )
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
