"""What the end of a training means for its Run: done, failed with a sentence, or to be tried again."""

from __future__ import annotations

from apps.predictions.executors.base import Ending
from apps.runs.lease import WorkFailed

AGAIN_SECONDS = 60  # a cluster that starts anew is back by then
SENTENCES = {
    "memory": "The training needed more than the {mb:,.0f} MB of memory it may use, and was stopped. Use fewer fields or records, or ask your operator for more.",
    "time": "The training took far longer than it was meant to, and was stopped. Use fewer fields or records, or give it more time.",
    "lost": "The machines that trained were lost three times. Try again; if it stays, tell your operator.",
    "crowded": "No machine that trains was free for an hour. Try again later, or tell your operator.",
}


class BrokeOff(Exception):
    """Something outside ended the training, or a library's own code fell; the Run is tried again.

    `sentence` is for the user, should it be the last time; `pause` are seconds to wait before the next.
    """

    sentence = (
        "The training broke off three times, probably because memory ran out. Use fewer fields, or ask your operator."
    )

    def __init__(self, message: str, sentence: str = "", pause: int = 0) -> None:
        super().__init__(message)
        self.sentence, self.pause = sentence or self.sentence, pause


def judge(ending: Ending) -> None:
    """Raises unless the model is complete."""
    if ending.finished:
        return
    if ending.reason in SENTENCES:
        raise WorkFailed(SENTENCES[ending.reason].format(mb=ending.memory_mb))
    if ending.reason == "unreachable":
        words = "The machines that train could not be reached. Try again later, or tell your operator."
        raise BrokeOff(f"no cluster: {ending.errors}", words, AGAIN_SECONDS)
    if ending.status == 2:
        raise WorkFailed(ending.errors.strip().splitlines()[-1])
    if ending.status < 0:
        raise BrokeOff(f"the training process fell with signal {-ending.status}:\n{ending.errors}")
    raise RuntimeError(f"the training process ended with {ending.status}:\n{ending.errors}")
