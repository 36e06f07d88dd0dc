"""The machines of an installation: each runs workers and a clock under a watchdog of its own, may have a network namespace and a share of the
processor, a clock that is wrong, and can be killed as a whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from apps.runs.die_with_parent import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
BRIDGE, NETWORK = "einstein-faults", "10.77.0"
CPU = Path("/sys/fs/cgroup/cpu")
PERIOD = 100_000  # microseconds, the kernel's own
STOP_SECONDS = 30


class Host:
    """One machine. `queues` are served by it; `clock` says whether it also runs the clock."""

    def __init__(self, name: str, env: dict[str, str], log: Path, queues: tuple[str, ...] = ("interactive",), clock: bool = True) -> None:  # fmt: skip
        self.name, self.env, self.log = name, env | {"EINSTEIN_HOST_NAME": name}, log
        parts = [*(("work", queue) for queue in queues), *([("clock",)] if clock else [])]
        self.commands = [[sys.executable, "manage.py", *part] for part in parts]
        self.prefix: list[str] = []
        self.group: Path | None = None
        self.processes: list[subprocess.Popen] = []
        self.stopping = threading.Event()

    def start(self) -> Host:
        self.stopping = threading.Event()
        self.out = self.log.open("a")
        self.processes = [self._begin(command) for command in self.commands]
        threading.Thread(target=self._watch, args=(self.stopping, self.out), daemon=True).start()
        return self

    def stop(self) -> None:
        """Ask everything to end, as an operator would."""
        self.stopping.set()
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Pull the plug: nothing of it lives on."""
        self.stopping.set()
        for pid in self.pids():
            _kill(pid)
        for process in self.processes:
            process.wait()

    def pids(self, words: str = "manage.py") -> list[int]:
        """Its processes whose command line holds `words`."""
        return [pid for pid in processes_with(f"EINSTEIN_HOST_NAME={self.name}") if words in command_of(pid)]

    def kill_one(self, choose: Callable[[list[int]], int], words: str) -> None:
        """kill -9 of one process; the watchdog, or django-q's guard, starts it again."""
        if pids := self.pids(words):
            _kill(choose(pids))

    def _begin(self, command: list[str]) -> subprocess.Popen:
        queue = {"Q_CLUSTER_NAME": command[3]} if command[2] == "work" else {}
        return subprocess.Popen([*self.prefix, *command], cwd=ROOT, env=self.env | queue, stdout=self.out, stderr=self.out, preexec_fn=self._join)  # fmt: skip

    def _join(self) -> None:
        die_with_parent()
        if self.group is not None:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def _watch(self, stopping: threading.Event, out: TextIO) -> None:
        while not stopping.wait(0.5):
            for number, process in enumerate(self.processes):
                if process.poll() is not None and not stopping.is_set():
                    out.write(f"watchdog: {self.commands[number][2:]} ended with {process.returncode}\n")
                    self.processes[number] = self._begin(self.commands[number])

    def in_namespace(self, number: int) -> Host:
        """Put it behind a network interface of its own on the bridge, at `10.77.0.<number>`."""
        name, inner = f"einstein-{number}", f"ve{number}"
        for command in (
            f"ip netns add {name}", f"ip link add {inner}-out type veth peer name {inner} netns {name}", f"ip link set {inner}-out master {BRIDGE} up",
            f"ip -n {name} addr add {NETWORK}.{number}/24 dev {inner}", f"ip -n {name} link set {inner} up", f"ip -n {name} link set lo up",
        ):  # fmt: skip
            subprocess.run(command.split(), check=True)
        self.prefix = ["ip", "netns", "exec", name]
        return self

    def with_cores(self, cores: float) -> Host:
        """Hold it to a share of the processor, in cores (cgroup v1, cpu.cfs_quota_us)."""
        self.group = CPU / f"einstein-{self.name}"
        self.group.mkdir(exist_ok=True)
        (self.group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (self.group / "cpu.cfs_quota_us").write_text(str(int(PERIOD * cores)))
        return self

    def release(self) -> Host:
        """Let it have whatever the processor gives."""
        if self.group is not None:
            (self.group / "cpu.cfs_quota_us").write_text("-1")
        return self


def make_bridge() -> str:
    """The switch the namespaces hang on; its address."""
    remove_network()
    for command in (
        f"ip link add {BRIDGE} type bridge",
        f"ip addr add {NETWORK}.254/24 dev {BRIDGE}",
        f"ip link set {BRIDGE} up",
    ):
        subprocess.run(command.split(), check=True)
    return f"{NETWORK}.254"


def remove_network() -> None:
    """Whatever an earlier run left as well."""
    found = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.split()
    for name in found:
        if name.startswith("einstein-"):
            subprocess.run(["ip", "netns", "delete", name], check=False)
    # A namespace lives on while a connection of it waits for answers that cannot come; its interface must not.
    for link in Path(f"/sys/class/net/{BRIDGE}/brif").glob("*"):
        subprocess.run(["ip", "link", "delete", link.name], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["ip", "link", "delete", BRIDGE], check=False, stderr=subprocess.DEVNULL)


def processes_with(variable: str) -> list[int]:
    """Those whose environment holds it."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
