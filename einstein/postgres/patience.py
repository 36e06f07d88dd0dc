"""How long each end of a connection to PostgreSQL waits for one that says nothing any more.

A machine without power, or whose cable is pulled, ends no connection. The kernel's own keepalive (two hours) would leave what that machine held
locked for as long, so both ends ask after fifteen seconds of silence and give up after thirty, and after a minute in which what was sent is not taken. How long a transaction may stand still is not
limited: a table of millions of records is read within one, and nobody can say how long that takes.
"""

from __future__ import annotations

from typing import Any

SILENCE = {"idle": 15, "interval": 5, "count": 3}  # seconds, seconds, times
UNANSWERED_MS = 60_000  # as the connectors: a slow disk may keep the other end from reading for a while
CONNECT_SECONDS = 30


def patient(options: dict[str, Any], pooled: bool) -> dict[str, Any]:
    """`options` of a connection and these limits; what the address itself asks for comes first. A pooler (`pooled`) takes no settings of the server's."""
    ours = {f"keepalives_{name}": value for name, value in SILENCE.items()}
    ours |= {"tcp_user_timeout": UNANSWERED_MS, "connect_timeout": CONNECT_SECONDS}
    if not pooled:
        ours["options"] = f"{_of_the_server()} {options.get('options', '')}".strip()
        options = {name: value for name, value in options.items() if name != "options"}
    return ours | options


def _of_the_server() -> str:
    limits = {f"tcp_keepalives_{name}": value for name, value in SILENCE.items()}
    limits |= {"tcp_user_timeout": UNANSWERED_MS}
    return " ".join(f"-c {name}={value}" for name, value in limits.items())
