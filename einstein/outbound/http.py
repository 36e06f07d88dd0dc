"""HTTP to the outside: checked addresses on every hop, limits on time and size, errors as sentences."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore

from einstein.outbound.addresses import OutboundProblem, checked_address, is_allowed_by_name, unreachable_words

MOST_REDIRECTS = 5
CONNECT_SECONDS, IDLE_SECONDS, TOTAL_SECONDS = 10.0, 30.0, 1800.0
MOST_BYTES = 4 * 1024**3
MOST_BODY_BYTES = 64 * 1024**2
REDIRECTS = {301, 302, 303, 307, 308}
# What must not follow a redirect to another origin (RFC 9110, section 15.4; curl does the same).
PERSONAL_HEADERS = {"authorization", "cookie", "proxy-authorization"}


@lru_cache(1)
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed; reading them takes 30 ms."""
    return ssl.create_default_context()


class _CheckedBackend(httpcore.SyncBackend):
    """Connects to the address that was checked, so that a name cannot resolve otherwise between check and connection."""

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return super().connect_tcp(checked_address(host, port), port, *args, **kwargs)


@dataclass
class Answer:
    """One HTTP answer whose body is still to be read."""

    url: str
    status: int
    headers: dict[str, str]
    _stream: Iterator[bytes]
    _deadline: float = field(default=float("inf"))

    def chunks(self, most_bytes: int = MOST_BYTES) -> Iterator[bytes]:
        """The body in pieces; raises when it is longer than `most_bytes`, takes too long, or ends before its stated length."""
        size, stated = 0, self.headers.get("content-length")
        for chunk in self._stream:
            size += len(chunk)
            if size > most_bytes:
                raise OutboundProblem(
                    f"{_host(self.url)} sends more than {most_bytes / 1024**2:,.0f} MB, which is the limit."
                )
            if time.monotonic() > self._deadline:
                raise OutboundProblem(f"{_host(self.url)} was not done within the time allowed.")
            yield chunk
        if stated and stated.isdigit() and size != int(stated):
            raise OutboundProblem(f"{_host(self.url)} stopped after {size:,} of {int(stated):,} bytes.")

    def body(self, most_bytes: int = MOST_BODY_BYTES) -> bytes:
        return b"".join(self.chunks(most_bytes))


@contextmanager
def send(
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    content: bytes | Iterator[bytes] | None = None,
    *,
    seconds: float = TOTAL_SECONDS,
    idle_seconds: float = IDLE_SECONDS,
    redirects: int = MOST_REDIRECTS,
) -> Iterator[Answer]:
    """Send one request and hand over the answer, whatever its status; redirects of GET and HEAD are followed and checked.

    Raises `OutboundProblem` for addresses that may not be reached, broken connections, time and size limits.
    """
    deadline = time.monotonic() + seconds
    headers = {"User-Agent": "Einstein", "Accept-Encoding": "identity", **(headers or {})}
    if not all(text.isascii() and text.isprintable() for pair in headers.items() for text in pair):
        raise OutboundProblem(
            f"The key or header for {_host(url)} holds characters that cannot be sent. Copy it again."
        )
    timeout = {
        "connect": CONNECT_SECONDS,
        "read": min(idle_seconds, seconds),
        "write": min(idle_seconds, seconds),
        "pool": 5.0,
    }
    with httpcore.ConnectionPool(ssl_context=_trusted(), network_backend=_CheckedBackend()) as pool:
        for _ in range(redirects + 1):
            require_web_address(url)
            with (
                _translated(url),
                pool.stream(
                    method, url, headers=list(headers.items()), content=content, extensions={"timeout": timeout}
                ) as response,
            ):
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
                target = found.get("location")
                if response.status not in REDIRECTS or not target or method not in {"GET", "HEAD"}:
                    yield Answer(url, response.status, found, response.iter_stream(), deadline)
                    return
                following = urljoin(url, target)
                headers = _without_personal(headers, url, following)
                url = following
        raise OutboundProblem(f"{_host(url)} redirects more than {redirects} times.")


def fetch(method: str, url: str, headers: dict[str, str] | None = None, content: bytes | None = None, *, seconds: float = 60.0,
          most_bytes: int = MOST_BODY_BYTES) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
    """Send one request and read the whole answer: (status, headers, body)."""
    with send(method, url, headers, content, seconds=seconds) as answer:
        return answer.status, answer.headers, answer.body(most_bytes)


def download(answer: Answer, target: Path, most_bytes: int = MOST_BYTES) -> int:
    """Write an answer's body to a file; return its size in bytes."""
    with target.open("wb") as out:
        return sum(out.write(chunk) for chunk in answer.chunks(most_bytes))


def require_web_address(url: str) -> None:
    """Raise unless `url` is a whole http or https address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise OutboundProblem(f"{url[:80]} is no web address. Begin with https://")


def require_encrypted(url: str) -> None:
    """Raise unless `url` is an https address; http will do only where the operator's allow list names the server."""
    require_web_address(url)
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_allowed_by_name(parts.hostname or "", _port(url)):
        raise OutboundProblem(f"{url[:80]} is not encrypted, and a secret would be sent there. Begin with https://")


def _without_personal(headers: dict[str, str], before: str, after: str) -> dict[str, str]:
    old, new = urlsplit(before), urlsplit(after)
    if old.scheme == "https" and new.scheme == "http":
        raise OutboundProblem(
            f"{old.hostname} redirects to an address without encryption, {new.hostname}. We do not follow it."
        )
    if (old.scheme, old.netloc) == (new.scheme, new.netloc):
        return headers
    return {name: value for name, value in headers.items() if name.lower() not in PERSONAL_HEADERS}


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """What httpcore raises, as sentences."""
    host = _host(url)
    try:
        yield
    except httpcore.ConnectTimeout as error:
        raise OutboundProblem(unreachable_words(host, _port(url), TimeoutError())) from error
    except httpcore.ConnectError as error:
        raise OutboundProblem(_connect_words(url, error)) from error
    except httpcore.TimeoutException as error:
        raise OutboundProblem(f"{host} took too long to answer.") from error
    except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
        raise OutboundProblem(
            f"The connection to {host} broke off. ({str(error)[:120] or 'no reason given'})"
        ) from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, UnicodeError) as error:
        raise OutboundProblem(f"{host} could not be asked: {str(error)[:120]}") from error


def _connect_words(url: str, error: Exception) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"The certificate of {_host(url)} cannot be trusted: {cause.verify_message}."
    if isinstance(cause, ssl.SSLError):
        return f"{_host(url)} does not speak TLS on port {_port(url)} ({cause.reason})."
    return unreachable_words(_host(url), _port(url), cause if isinstance(cause, Exception) else error)


def _host(url: str) -> str:
    return urlsplit(url).hostname or url[:80]


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
