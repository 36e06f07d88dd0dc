"""SFTP. The server's key is kept at the first connection and must stay the same (trust on first use, as ssh does)."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko

from apps.datasets.connectors.base import Setting, SourceProblem
from apps.datasets.connectors.base.files import MOST_FILE_BYTES, MOST_FILES, FileConnector, RemoteFile
from einstein.outbound.addresses import connect

KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
SECONDS = 30
MOST_DEPTH = 3
CHUNK = 1024**2


class SFTP(FileConnector):
    kind, title, icon, order = "sftp", "SFTP", "folder-sync", 50
    words = "The newest file, or every new one, of a folder"
    settings_asked = (
        Setting("host", "Host", address=True),
        Setting("port", "Port", kind="number", default="22", address=True),
        Setting("user", "User"),
        Setting("folder", "Folder", "Leave blank for the home folder", required=False),
        Setting("password", "Password", secret=True, required=False, kind="password"),
        Setting(
            "private_key",
            "Private key",
            "Instead of a password: the whole text of the key file",
            secret=True,
            required=False,
            kind="long",
        ),
    )

    def __init__(self, settings: dict[str, Any], secret: dict[str, Any]) -> None:
        super().__init__(settings, secret)
        self._met = ""

    @property
    def place(self) -> str:
        return str(self.settings.get("host", ""))

    def learn(self) -> dict[str, Any]:
        return {"fingerprint": self._met} if self._met else {}

    def files(self) -> list[RemoteFile]:
        with self._session() as session:
            found: list[RemoteFile] = []
            _walk(session, self._folder(), "", 0, found)
            return found

    def get(self, file: RemoteFile, target: Path) -> None:
        with (
            self._session() as session,
            session.open(f"{self._folder()}/{file.name}", "rb") as remote,
            target.open("wb") as out,
        ):
            remote.prefetch(file.size)
            size = 0
            while chunk := remote.read(CHUNK):
                size += out.write(chunk)
                if size > MOST_FILE_BYTES:
                    raise SourceProblem(f"{file.name} sends more than 4 GB, which is the limit.")
            if size != file.size:
                raise SourceProblem(f"{file.name} changed while it was read. It is read again next time.")

    def put(self, path: Path, name: str) -> None:
        """Write a file under another name first, so that nobody ever reads half of it."""
        with self._session() as session:
            target = f"{self._folder()}/{name}"
            partial = f"{target}.partial"
            session.put(str(path), partial, confirm=True)
            session.posix_rename(partial, target)

    def _folder(self) -> str:
        return str(self.settings.get("folder") or "").rstrip("/") or "."

    @contextmanager
    def _session(self) -> Iterator[paramiko.SFTPClient]:
        host, port = str(self.settings["host"]), int(self.settings.get("port") or 22)
        channel = connect(host, port)
        channel.settimeout(SECONDS)
        transport = paramiko.Transport(channel)
        transport.banner_timeout = transport.auth_timeout = SECONDS
        try:
            transport.start_client(timeout=SECONDS)
            self._recognise(transport)
            self._log_in(transport)
            session = paramiko.SFTPClient.from_transport(transport)
            session.get_channel().settimeout(SECONDS)
            yield session
        except paramiko.AuthenticationException as error:
            raise SourceProblem(f"{host} refuses the password or key of {self.settings['user']}.") from error
        except FileNotFoundError as error:
            raise SourceProblem(
                f"There is no folder {self._folder()} for {self.settings['user']} on {host}."
            ) from error
        except PermissionError as error:
            raise SourceProblem(
                f"{self.settings['user']} may not use the folder {self._folder()} on {host}."
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise SourceProblem(
                f"{host} does not go on as an SFTP server should ({str(error)[:120] or 'it hung up'})."
            ) from error
        finally:
            transport.close()

    def _recognise(self, transport: paramiko.Transport) -> None:
        digest = hashlib.sha256(transport.get_remote_server_key().asbytes()).digest()
        self._met = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
        known = self.settings.get("fingerprint")
        if known and known != self._met:
            raise SourceProblem(
                f"{self.settings['host']} shows another key than at first ({self._met}). Ask its owner whether it was changed; "
                "if so, save the connection again to accept it."
            )

    def _log_in(self, transport: paramiko.Transport) -> None:
        text = self.secret.get("private_key")
        if text:
            transport.auth_publickey(self.settings["user"], _private_key(text, self.secret.get("password")))
        else:
            transport.auth_password(self.settings["user"], self.secret.get("password") or "")


def _private_key(text: str, password: str | None) -> paramiko.PKey:
    for kind in KEYS:
        try:
            return kind.from_private_key(io.StringIO(text.strip() + "\n"), password=password or None)
        except paramiko.SSHException:
            continue
    raise SourceProblem("The private key cannot be read. Paste the whole file, its first and last line included.")


def _walk(session: paramiko.SFTPClient, folder: str, below: str, depth: int, found: list[RemoteFile]) -> None:
    for entry in session.listdir_attr(f"{folder}/{below}" if below else folder):
        name = f"{below}/{entry.filename}" if below else entry.filename
        if stat.S_ISDIR(entry.st_mode or 0):
            if depth < MOST_DEPTH and not entry.filename.startswith("."):
                _walk(session, folder, name, depth + 1, found)
        elif entry.st_size and len(found) < MOST_FILES:
            found.append(
                RemoteFile(name, entry.st_size, float(entry.st_mtime or 0), f"{entry.st_size}-{entry.st_mtime}")
            )


CONNECTOR = SFTP
