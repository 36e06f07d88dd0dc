"""Why Runs fail, by what their sentences say, and what an operator does next. The sentence itself is the customer's and is not shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Cause:
    """`pattern` is looked for in the failed Run's sentence, the first that matches counts. `ours` is for the operator to mend, the rest for the customer."""

    key: str
    title: str
    pattern: str
    action: str
    ours: bool = True


CAUSES = [
    Cause(
        "fault", "A fault of the program", r"went wrong on our side",
        "Look for the reference in the log: the lines around it say where. Mend that, then retry.",
    ),
    Cause(
        "worker_lost", "The worker was lost three times", r"stopped three times without an answer",
        "Look in the host's system log for the memory guard (dmesg, “Out of memory”) and for restarts. Give the workers more memory, then retry.",
    ),
    Cause(
        "memory", "Memory ran out", r"[Mm]emory",
        "Give the training host more memory, or run fewer workers there. Then retry.",
    ),
    Cause(
        "database", "The database does not answer", r"[Dd]atabase of the installation",
        "Look at /readyz, then at PostgreSQL and its log. Waiting runs are tried again by themselves; Retry does it now.",
    ),
    Cause(
        "disk", "The disk is full", r"disk of the installation|on the disk|disk is full|[Nn]o space|[Nn]ot enough room",
        "Free or add room on the disk of var/ and of the database. Then retry.",
    ),
    Cause(
        "files", "The file store does not answer", r"file store|could not be stored|stored file",
        "Look at /readyz, then at the file store named by EINSTEIN_STORAGE_URL. Then retry.",
    ),
    Cause(
        "refused_address", "An address that this installation does not reach", r"does not reach",
        "If the customer should reach it, add it to EINSTEIN_OUTBOUND_ALLOW and restart. Then retry.",
    ),
    Cause(
        "password", "A source or destination refuses the sign-in", r"password|sign in|does not let us|access key|may not|refuse",
        "The customer enters the password or key anew at her source. Nothing to do here, unless many workspaces have it.", ours=False,
    ),
    Cause(
        "unreachable", "Something outside does not answer",
        r"took too long|broke off|could not be (asked|reached)|does not answer|no host named|cannot be reached|answered [45]|stopped after|hung up|within",
        "Wait: it is tried again. If many workspaces have it at once, look at this installation's own network and DNS.", ours=False,
    ),
    Cause(
        "gone", "A table, field or record source is gone", r"any more|was deleted|[Nn]o file at|There is no|There are no|shows no field",
        "The customer picks it again at her source. Nothing to do here.", ours=False,
    ),
    Cause(
        "not_ready", "Nothing to work on yet", r"holds no records|has no enabled version|no scores yet|Try again when|Try again in",
        "It mends itself once the customer has uploaded or enabled what is missing. Nothing to do here.", ours=False,
    ),
    Cause(
        "data", "The data cannot be used", r"could not be used|cannot be read|records|same answer|field",
        "The customer sees on her page what to mend. Nothing to do here; if several ask, help them with the file.", ours=False,
    ),
]  # fmt: skip
REFERENCE = re.compile(r"reference ([0-9a-f]{8})\b")


def cause_of(sentence: str) -> Cause:
    """What a failed Run's sentence means. One that nobody knows yet becomes a cause of its own, told apart by its masked words."""
    known = next((cause for cause in CAUSES if re.search(cause.pattern, sentence)), None)
    return known or Cause(
        f"unknown-{sha256(masked(sentence).encode()).hexdigest()[:8]}", "Not known yet", "",
        "Read the log with this reference, and ask the workspace’s admin what its page says.",
    )  # fmt: skip


def masked(sentence: str) -> str:
    """The same for every Run that failed for the same reason: without references, quoted names and numbers."""
    bare = re.sub(r"“[^”]*”|\"[^\"]*\"|‘[^’]*’|'[^']*'", "…", REFERENCE.sub("reference #", sentence))
    return re.sub(r"\d[\d.,:]*", "#", bare)


def reference_of(sentence: str, run_id: int) -> str:
    """What to look for in the log."""
    found = REFERENCE.search(sentence)
    return found.group(1) if found else f"run {run_id}"
