"""A Ray cluster on this machine: a head that trains nothing and two machines that do, each a process tree of its own that can be killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.e2e.stack import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
STORE_BYTES = 100 * 1024**2
CPUS = 2


class Cluster:
    """`env` is what every machine of it knows: the paths of the product and how the file store is reached."""

    def __init__(self, **env: str) -> None:
        self.env = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"} | env
        self.port, self.client_port = free_port(), free_port()
        self.home: Path | None = None
        self.machines: dict[str, psutil.Process] = {}

    def start(self) -> Cluster:
        """On the same ports each time, knowing nothing of the time before."""
        self.home = Path(tempfile.mkdtemp(prefix="ray-"))  # its sockets' paths have to be short
        self._begin(
            "head", "--head", f"--port={self.port}", f"--ray-client-server-port={self.client_port}", "--num-cpus=0",
            "--include-dashboard=false", f"--temp-dir={self.home}",
        )  # fmt: skip
        for name in ("one", "two"):
            self.add(name)
        return self

    def add(self, name: str) -> None:
        """A machine that trains."""
        self._begin(name, f"--address=127.0.0.1:{self.port}", f"--num-cpus={CPUS}")

    def kill(self, name: str) -> None:
        """As if its power was cut."""
        for process in self._tree(self.machines.pop(name)):
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def stop(self) -> None:
        for name in list(self.machines):
            self.kill(name)
        if self.home is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    def training(self) -> dict[str, int]:
        """Machines that train, with the number of trainings on each."""
        counts = {name: self._jobs(process) for name, process in self.machines.items()}
        return {name: count for name, count in counts.items() if count}

    def memory_gb(self) -> float:
        """What the cluster alone holds (a page that several processes share is counted once for each)."""
        trees = [process for machine in self.machines.values() for process in self._tree(machine)]
        return sum(process.memory_info().rss for process in trees) / 1024**3

    def _begin(self, name: str, *words: str) -> None:
        command = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--node-ip-address=127.0.0.1", *words]
        log = (self.home / f"{name}.log").open("w")
        started = subprocess.Popen(
            [*command, f"--node-name={name}", f"--object-store-memory={STORE_BYTES}"], cwd=ROOT, env=self.env, stdout=log, stderr=log,
        )  # fmt: skip
        self.machines[name] = psutil.Process(started.pid)
        wait_for(lambda: "will now block" in Path(log.name).read_text(), 180, f"the machine {name}")
        time.sleep(1)

    def _jobs(self, machine: psutil.Process) -> int:
        return sum("einstein.ml job" in " ".join(_command(process)) for process in self._tree(machine))

    def _tree(self, machine: psutil.Process) -> list[psutil.Process]:
        try:
            return [machine, *machine.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
