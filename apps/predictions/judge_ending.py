"""What the end of a training means for its Run: done, failed with a sentence, to be tried again, or to wait."""

from __future__ import annotations

from apps.predictions.executors.base import Ending
from apps.runs.lease import WorkFailed
from einstein.outages import TrainersAway
from einstein.storage import FilesAway

OUTAGES = {"unreachable": TrainersAway, "files": FilesAway}
SENTENCES = {
    "memory": "The training needed more than the {mb:,.0f} MB of memory it may use, and was stopped. Use fewer fields or records, or ask your operator for more.",
    "time": "The training took far longer than it was meant to, and was stopped. Use fewer fields or records, or give it more time.",
    "lost": "The machines that trained were lost three times. Try again; if it stays, tell your operator.",
    "crowded": "No machine that trains was free for an hour. Try again later, or tell your operator.",
}


class BrokeOff(Exception):
    """Something outside ended the training, or a library's own code fell; the Run is tried again."""


def judge(ending: Ending) -> None:
    """Raises unless the model is complete."""
    if ending.finished:
        return
    if ending.reason in SENTENCES:
        raise WorkFailed(SENTENCES[ending.reason].format(mb=ending.memory_mb))
    if ending.reason in OUTAGES:
        raise OUTAGES[ending.reason](ending.errors)
    if ending.status == 2:
        raise WorkFailed(ending.errors.strip().splitlines()[-1])
    if ending.status < 0:
        raise BrokeOff(f"the training process fell with signal {-ending.status}:\n{ending.errors}")
    raise RuntimeError(f"the training process ended with {ending.status}:\n{ending.errors}")
