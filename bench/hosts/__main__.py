"""`make bench-hosts`: the same night by one, two and four machines, each in a network namespace of its own, held to 0.3 core by a cgroup and working on one
PostgreSQL over TCP. The three take turns, and each turn is compared with itself, because the computer is not equally fast all the time. Limits: two
machines are at least 1.7 times as fast as one, four at least 3.0 times (medians of the turns). Then a machine is killed in the middle of a night, which
may lose nothing and double nothing. Needs root (namespaces, cgroups). `--companies N` (default 120: a night of 40 is over in 20 s by four machines, of which
the wait for the last checks, which is as long for one, takes a third), `--nights N` for each (default 3)."""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from tests.e2e.stack import wait_for
from tests.faults.hosts import Host, make_bridge, remove_network
from tests.faults.installation import Installation
from tests.faults.nights import EACH, RECORDS, Fleet

CORES = 0.3
LIMITS = {2: 1.7, 4: 3.0}
PROCESSES = 5  # of a machine's workers: guard, pusher, monitor, two workers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--companies", type=int, default=120)
    parser.add_argument("--nights", type=int, default=3)
    options = parser.parse_args()
    installation = Installation("bench-hosts", make_bridge(), EINSTEIN_LEASE_SECONDS="20")
    try:
        fleet = Fleet(installation, options.companies)
        hosts = [installation.host(f"machine{number}").in_namespace(number).with_cores(CORES) for number in range(1, 5)]
        print(
            f"{fleet.companies} companies x {EACH} predictions x {RECORDS} records, {CORES} core a machine", flush=True
        )
        turns = [{size: _night(fleet, hosts[:size]) for size in (1, *LIMITS)} for _ in range(options.nights)]
        failed = _report(turns)
        return int(failed | _pull_the_plug(fleet, hosts[:2]))
    finally:
        installation.stop()
        remove_network()


def _night(fleet: Fleet, hosts: list[Host]) -> float:
    """Seconds that these machines take, from their second night on: in the first, models are loaded and everything is imported."""
    _begin(fleet, hosts)
    fleet.nightfall()
    began = time.monotonic()
    fleet.morning(hurry=False)
    taken = time.monotonic() - began
    _refuse_losses(fleet)
    for host in hosts:
        host.kill()
    print(f"{len(hosts)} of them: {taken:.1f} s a night", flush=True)
    return taken


def _begin(fleet: Fleet, hosts: list[Host]) -> None:
    for host in hosts:
        host.release()
        host.start()
    wait_for(lambda: all(len(host.pids("manage.py work")) >= PROCESSES for host in hosts), 120, "the machines to be up")
    fleet.nightfall()
    fleet.morning(hurry=False)
    for host in hosts:
        host.with_cores(CORES)


def _refuse_losses(fleet: Fleet) -> None:
    losses = fleet.losses()
    assert not losses, losses


def _report(turns: list[dict[int, float]]) -> bool:
    failed = False
    for size, limit in LIMITS.items():
        speeds = [turn[1] / turn[size] for turn in turns]
        failed |= statistics.median(speeds) < limit
        print(f"{size} machines are {min(speeds):.2f}/{statistics.median(speeds):.2f}/{max(speeds):.2f} times as fast as one (min/median/max; at least {limit})", flush=True)  # fmt: skip
    return failed


def _pull_the_plug(fleet: Fleet, hosts: list[Host]) -> bool:
    """One of two machines dies in the middle of a night: what the other finds in the morning."""
    _begin(fleet, hosts)
    fleet.nightfall(broken=0)
    half = fleet.companies * EACH // 2
    done = "SELECT count(*) FROM scoring_scoringrun WHERE as_of >= %s"
    wait_for(lambda: fleet.installation.sql(done, fleet.began)[0][0] >= half, 240, "half of the night")
    hosts[0].kill()
    fleet.morning(hurry=False)
    losses = fleet.losses()
    taken = fleet.installation.sql("SELECT count(*) FROM runs_run WHERE attempts > 1 AND created_at >= %s", fleet.began)[0][0]  # fmt: skip
    print(f"a machine was killed in the middle: {taken} Runs taken over by the other; lost or doubled: {losses or 'nothing'}; alerts to the owner of the broken feed: {fleet.alarms(0)}")  # fmt: skip
    return bool(losses) or len(fleet.alarms(0)) != 1


if __name__ == "__main__":
    sys.exit(main())
