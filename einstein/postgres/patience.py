"""How long each end of a connection to PostgreSQL waits for one that says nothing any more.

A machine without power, or whose cable is pulled, ends no connection. The kernel's own keepalive (two hours) would leave what that machine held
locked for as long, so both ends ask after fifteen seconds of silence and give up after thirty. A process that stands still within a
transaction answers keepalives; what it holds is freed after five minutes.
"""

from __future__ import annotations

from typing import Any

SILENCE = {"idle": 15, "interval": 5, "count": 3}  # seconds, seconds, times
UNANSWERED_MS = 30_000
STANDING_STILL_MS = 300_000  # far longer than anything that computes between two statements of a transaction


def patient(options: dict[str, Any], pooled: bool) -> dict[str, Any]:
    """`options` of a connection and these limits; what the address itself asks for comes first. A pooler (`pooled`) takes no settings of the server's."""
    ours = {f"keepalives_{name}": value for name, value in SILENCE.items()}
    ours |= {"tcp_user_timeout": UNANSWERED_MS, "connect_timeout": UNANSWERED_MS // 1000}
    if not pooled:
        ours["options"] = f"{_of_the_server()} {options.get('options', '')}".strip()
        options = {name: value for name, value in options.items() if name != "options"}
    return ours | options


def _of_the_server() -> str:
    limits = {f"tcp_keepalives_{name}": value for name, value in SILENCE.items()}
    limits |= {"tcp_user_timeout": UNANSWERED_MS, "idle_in_transaction_session_timeout": STANDING_STILL_MS}
    return " ".join(f"-c {name}={value}" for name, value in limits.items())
