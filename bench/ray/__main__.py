"""`make bench-ray`: trainings of the whole product on a Ray cluster of its own (a head and two machines that train), files in an S3-compatible store.

Required: the cluster makes the same model and scorecard as the worker alone; a machine that is killed under a training, a worker that is, and a
whole cluster that is cost no training and make no second version or champion; a stopped training ends there. Last the list of promises of every
executor is kept over `ray://auto`. `--folder` shares a folder instead of the store."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from bench.ray.cluster import ROOT, Cluster
from bench.ray.store import ObjectStore
from tests.e2e.stack import Stack, make_prediction, run_python, start_training, state_of, wait_for

VAR = ROOT / "var" / "bench-ray"
TELCO = ROOT / "tests" / "data" / "telco_small.csv"
FIXED = '{"trials": 14, "threads": 1, "seed": 7}'
STOP = """
from apps.runs.models import Run
from apps.runs.queue import cancel
from apps.workspaces.scope import workspace_scope
with workspace_scope({workspace}):
    cancel(Run.objects.get(id={run}))
"""
VERSION = "SELECT v.hash, v.facts->'scorecard', v.state FROM predictions_modelversion v JOIN runs_run r ON r.subject_id = v.id WHERE r.id = %s"
MOST_SECONDS = 400


class Product:
    """The whole product with one executor, and a prediction in it."""

    def __init__(self, env: dict[str, str], executor: str) -> None:
        self.stack = Stack("bench-ray", EINSTEIN_TRAIN_EXECUTOR=executor, EINSTEIN_TRAIN_MEMORY_MB="1500", **env)
        self.stack.start()

    def prepare(self) -> None:
        for table in ("workspaces_workspace", "workspaces_user"):
            self.stack.sql(f"TRUNCATE {table} CASCADE")
        self.made = make_prediction(self.stack, "cluster", TELCO, schedule="none", training=FIXED)

    def begin(self) -> int:
        return start_training(self.stack, self.made[0], self.made[3])

    def tried(self, run: int) -> int:
        return int(self.stack.sql("SELECT progress->>'tried' FROM runs_run WHERE id = %s", run)[0][0] or 0)

    def stages(self, run: int) -> list[str]:
        return [stage["name"] for stage in self.stack.sql("SELECT stages FROM runs_run WHERE id = %s", run)[0][0]]

    def end(self, run: int) -> str:
        wait_for(
            lambda: state_of(self.stack, run)[0] in {"succeeded", "failed", "cancelled"}, MOST_SECONDS, "the run to end"
        )
        return state_of(self.stack, run)[0]

    def version(self, run: int) -> tuple[str, dict[str, Any]]:
        """Its hash, and its scorecard without the seconds it took."""
        model, card, _ = self.stack.sql(VERSION, run)[0]
        return model, {name: value for name, value in card.items() if name != "seconds"}

    def champions(self) -> tuple[int, int]:
        """Champions, and versions in all."""
        return self.stack.sql(
            "SELECT count(*) FILTER (WHERE state = 'champion'), count(*) FROM predictions_modelversion"
        )[0]

    def in_the_middle(self, run: int) -> None:
        wait_for(lambda: self.tried(run) >= 3, MOST_SECONDS, "the training to be in the middle")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", action="store_true")
    options = parser.parse_args()
    shutil.rmtree(VAR, ignore_errors=True)
    # Known to the machines and to the worker: a cluster asks for a token, of its own making if it is given none.
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    store = None if options.folder else ObjectStore()
    env = store.env if store else {"EINSTEIN_STORAGE_URL": str(VAR / "store")}
    cluster = Cluster(**env, PYTHONPATH=str(ROOT))
    try:
        alone = _alone(env)
        began = time.monotonic()
        cluster.start()
        print(
            f"cluster of a head and 2 machines: {time.monotonic() - began:.0f} s to start, {cluster.memory_gb():.1f} GB"
        )
        failed = _on_cluster(env, cluster, alone)
        return int(failed | _promises(cluster))
    finally:
        cluster.stop()
        if store:
            store.stop()


def _alone(env: dict[str, str]) -> tuple[tuple[str, dict[str, Any]], tuple]:
    """What the default executor makes of it, and where the prediction is."""
    product = Product(env, "subprocess")
    try:
        product.prepare()
        began = time.monotonic()
        run = product.begin()
        assert product.end(run) == "succeeded", state_of(product.stack, run)
        print(
            f"{'beside the worker':<36} {time.monotonic() - began:5.0f} s, model {product.version(run)[0][:12]}",
            flush=True,
        )
        return product.version(run), product.made
    finally:
        product.stack.stop()


def _on_cluster(env: dict[str, str], cluster: Cluster, alone: tuple) -> bool:
    product = Product(env, f"ray://127.0.0.1:{cluster.client_port}")
    expected, product.made = alone
    cases: list[tuple[str, Callable[[Product, Cluster, int], None], int]] = [
        ("on the cluster", _nothing, 1),
        ("a machine killed under it", _machine_dies, 1),
        ("its worker killed", _worker_dies, 2),
        ("the whole cluster killed", _cluster_dies, 1),
    ]
    try:
        failed = [_case(product, cluster, expected, *case) for case in cases]
        return any([*failed, _stopped(product, cluster)])
    finally:
        product.stack.stop()


def _case(
    product: Product, cluster: Cluster, expected: tuple, name: str, deed: Callable[[Product, Cluster, int], None], attempts: int
) -> bool:  # fmt: skip
    _, before = product.champions()
    began = time.monotonic()
    run = product.begin()
    deed(product, cluster, run)
    state, seconds = product.end(run), time.monotonic() - began
    found, (champions, versions) = product.version(run) if state == "succeeded" else ("", {}), product.champions()
    good = (found, champions, versions) == (expected, 1, before + 1) and state_of(product.stack, run)[1] == attempts
    print(
        f"{name:<36} {seconds:5.0f} s, {state}, model {found[0][:12]} ({'the same' if found[0] == expected[0] else 'ANOTHER'}), scorecard "
        f"{'the same' if found[1] == expected[1] else 'ANOTHER'}, attempts of the run {state_of(product.stack, run)[1]}, new versions {versions - before}, "
        f"champions {champions}{'' if good else '  <- NOT AS REQUIRED'}", flush=True,
    )  # fmt: skip
    return not good


def _nothing(product: Product, cluster: Cluster, run: int) -> None:
    wait_for(cluster.training, MOST_SECONDS, "the training to be on a machine")


def _machine_dies(product: Product, cluster: Cluster, run: int) -> None:
    product.in_the_middle(run)
    (name,) = cluster.training()
    cluster.kill(name)
    wait_for(
        lambda: "Begin again on another machine" in product.stages(run), MOST_SECONDS, "another machine to take over"
    )
    cluster.add(name)


def _worker_dies(product: Product, cluster: Cluster, run: int) -> None:
    product.in_the_middle(run)
    driver = product.stack.pids("executors.ray.driver")[0]
    psutil.Process(driver).parent().kill()
    began = time.monotonic()
    wait_for(lambda: not cluster.training(), 90, "the orphan on the cluster to end")
    print(f"{'':<36} {time.monotonic() - began:5.1f} s until the cluster had let go of it", flush=True)


def _cluster_dies(product: Product, cluster: Cluster, run: int) -> None:
    product.in_the_middle(run)
    cluster.stop()
    wait_for(lambda: state_of(product.stack, run)[0] == "queued", 180, "the run to be handed back")
    cluster.start()


def _stopped(product: Product, cluster: Cluster) -> bool:
    run = product.begin()
    product.in_the_middle(run)
    run_python(product.stack, STOP.format(workspace=product.made[0], run=run))
    began = time.monotonic()
    wait_for(lambda: not cluster.training(), 60, "the stopped training to end on the cluster")
    seconds, state = time.monotonic() - began, product.end(run)
    left = run_python(
        product.stack, f"from einstein import storage; print(storage.keys_below('w/{product.made[0]}/trainings'))"
    )
    print(
        f"{'stopped by its owner':<36} {seconds:5.1f} s until the cluster had let go of it, {state}, left in the store: {left}",
        flush=True,
    )
    return state != "cancelled" or left != "[]"


def _promises(cluster: Cluster) -> bool:
    env = os.environ | {"EINSTEIN_PROMISES_OF": "ray://auto", "RAY_ADDRESS": f"127.0.0.1:{cluster.port}"}
    command = [sys.executable, "-m", "pytest", "tests/test_executors.py", "-k", "test_it_ or lease_is_lost"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    print(f"the promises over ray://auto: {done.stdout.strip().splitlines()[-1]}")
    if done.returncode:
        print(done.stdout[-4000:])
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
