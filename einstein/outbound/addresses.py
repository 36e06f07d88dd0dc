"""Which addresses may be reached. A name is resolved once, checked, and the connection is made to what was checked.

A user of one company must not reach the machines around the installation (server-side request forgery, OWASP A10:2021), neither by
typing their address, nor by a name that resolves to it, nor by a name that resolves otherwise the second time (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.ip_network("64:ff9b::/96")
CONNECT_SECONDS = 10
HOST = re.compile(r"\[?[\w.:-]{1,253}\]?")


class OutboundProblem(Exception):
    """Something outside cannot be reached or may not be; the message is a sentence for the user."""


@dataclass(frozen=True)
class Allowed:
    """One entry of the operator's allow list: a name or a network, on one port or on all."""

    name: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    port: int | None

    def covers(self, host: str, address: Address, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        return address in self.network if self.network else host == self.name


def checked_address(host: str, port: int) -> str:
    """The first address of `host` that may be reached on `port`; raises `OutboundProblem` with a sentence when there is none."""
    host = host.strip().rstrip(".").lower()
    if not host or not 0 < port < 65536:
        raise OutboundProblem("The address is not complete. It needs a host name and a port between 1 and 65535.")
    if not HOST.fullmatch(host):
        raise OutboundProblem(
            f"{host[:80]} is no host name. Enter it like db.example.com, without https:// and without a path."
        )
    addresses = _resolved(host, port)
    for address in addresses:
        if _may_be_reached(host, address, port):
            return str(address)
    raise OutboundProblem(
        f"{host} is an address inside a private network, which this installation does not reach. "
        "Use an address that is open to the internet, or ask your operator to allow this one."
    )


def connect(host: str, port: int, seconds: float = CONNECT_SECONDS) -> socket.socket:
    """A TCP connection to the checked address of `host`."""
    address = checked_address(host, port)
    try:
        return socket.create_connection((address, port), timeout=seconds)
    except OSError as error:
        raise OutboundProblem(unreachable_words(host, port, error)) from error


def unreachable_words(host: str, port: int, error: Exception) -> str:
    """Why a connection could not be made, and what to look at."""
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing answers at {host}, port {port}. Check the port, and that the server is running."
    if isinstance(error, TimeoutError):
        return f"{host}, port {port}, does not answer. A firewall may keep us out; it has to let this installation in."
    return f"{host}, port {port}, cannot be reached ({error})."


def allow_list() -> list[Allowed]:
    """EINSTEIN_OUTBOUND_ALLOW, parsed: "10.1.0.0/16, db.internal:5432, 127.0.0.1:9000"."""
    return [_entry(text) for text in settings.OUTBOUND_ALLOW]


def is_allowed_by_name(host: str, port: int) -> bool:
    """Whether the operator's allow list names this very server, or the network of its address."""
    return any(entry.covers(host, _inner(address), port) for address in _resolved(host, port) for entry in allow_list())


def _entry(text: str) -> Allowed:
    name, port = text.strip().lower(), None
    if name.count(":") == 1:
        name, _, digits = name.partition(":")
        port = int(digits)
    try:
        return Allowed(name, ipaddress.ip_network(name, strict=False), port)
    except ValueError:
        return Allowed(name, None, port)


def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise OutboundProblem(f"There is no host named {host}. Check how it is written.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return sorted(set(addresses), key=lambda address: (address.version, address))


def _may_be_reached(host: str, address: Address, port: int) -> bool:
    real = _inner(address)
    if any(entry.covers(host, real, port) for entry in allow_list()):
        return True
    return real.is_global and not real.is_multicast and not real.is_reserved


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries (mapped, 6to4, Teredo, NAT64), else itself."""
    if address.version == 4:
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
