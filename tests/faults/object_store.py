"""A bucket whose server can be stopped and comes back with what it held: s3rver where it is installed (npm install s3rver), else moto's behind a door
that is closed. Either way nobody answers at the address meanwhile."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import fsspec

from tests.e2e.stack import wait_for
from tests.servers import free_port

BUCKET, KEY = "einstein", "S3RVER"  # the key that s3rver knows


class Door:
    """Passes connections on to a port while it is open."""

    def __init__(self, port: int, inner: int) -> None:
        self.port, self.inner, self.connections = port, inner, []

    def open(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        Thread(target=self._accept, args=(self.listening,), daemon=True).start()

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for connection in self.connections:
            connection.close()
        self.connections = []

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                outside, _ = listening.accept()
                inside = socket.create_connection(("127.0.0.1", self.inner))
            except OSError:
                return
            self.connections += [outside, inside]
            for pair in ((outside, inside), (inside, outside)):
                Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65_536):
            target.sendall(piece)
    except OSError:
        pass
    finally:
        for end in (source, target):
            end.close()


class ObjectStore:
    """`stop` and `start` as often as wanted; `environment` tells an installation of it."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.program = os.environ.get("EINSTEIN_TEST_S3RVER") or shutil.which("s3rver")
        self.door: Door | None = None
        self.process: subprocess.Popen | None = None

    @property
    def name(self) -> str:
        return "s3rver" if self.program else "moto behind a door"

    def start(self) -> ObjectStore:
        if self.program:
            self._run([self.program, "-d", str(self.home), "-a", "127.0.0.1", "-p", str(self.port), "--configure-bucket", BUCKET, "--silent"], self.port)  # fmt: skip
        elif self.door is None:
            self.door = Door(self.port, free_port())
            self._run([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.door.inner)], self.door.inner)  # fmt: skip
            self.door.open()
            self.files().mkdir(BUCKET)
        else:
            self.door.open()
        return self

    def stop(self) -> None:
        if self.door is not None:
            self.door.close()
        elif self.process is not None:
            self.process.terminate()
            self.process.wait()

    def leave(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def files(self) -> fsspec.AbstractFileSystem:
        return fsspec.filesystem("s3", key=KEY, secret=KEY, endpoint_url=self.endpoint, use_listings_cache=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"EINSTEIN_STORAGE_URL": f"s3://{BUCKET}/files", "FSSPEC_S3_ENDPOINT_URL": self.endpoint, "FSSPEC_S3_KEY": KEY, "FSSPEC_S3_SECRET": KEY}  # fmt: skip

    def _run(self, command: list[str], port: int) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: _answers(port), 30, "the object store")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
