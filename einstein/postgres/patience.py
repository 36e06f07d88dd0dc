"""How long each end of a connection to PostgreSQL waits for one that says nothing any more.

A machine without power, or whose cable is pulled, ends no connection. The kernel's own keepalive (two hours) would leave what that machine held
locked for as long, so both ends ask after fifteen seconds of silence; the server gives up after thirty, we after a minute. How long a transaction
may stand still is not limited: a table of millions of records is read within one, and nobody can say how long that takes.
"""

from __future__ import annotations

from typing import Any

SILENCE = {"idle": 15, "interval": 5, "count": 3}  # seconds, seconds, times
# Where it is set, Linux goes by it for keepalives too (tcp(7), TCP_USER_TIMEOUT). Ours is longer: a slow disk may keep the server from reading.
SERVER_GIVES_UP_MS, WE_GIVE_UP_MS = 30_000, 60_000
CONNECT_SECONDS = 30


def patient(options: dict[str, Any], pooled: bool) -> dict[str, Any]:
    """`options` of a connection and these limits; what the address itself asks for comes first. A pooler (`pooled`) takes no settings of the server's."""
    ours = {f"keepalives_{name}": value for name, value in SILENCE.items()}
    ours |= {"tcp_user_timeout": WE_GIVE_UP_MS, "connect_timeout": CONNECT_SECONDS}
    if not pooled:
        ours["options"] = f"{_of_the_server()} {options.get('options', '')}".strip()
        options = {name: value for name, value in options.items() if name != "options"}
    return ours | options


def _of_the_server() -> str:
    limits = {f"tcp_keepalives_{name}": value for name, value in SILENCE.items()}
    limits |= {"tcp_user_timeout": SERVER_GIVES_UP_MS}
    return " ".join(f"-c {name}={value}" for name, value in limits.items())
