"""`python -m apps.predictions.executors.ray.driver ORDER.json`: have the cluster train, telling what it tells as JSON lines.

Asked to end (SIGTERM), it takes the work back first; killed, Ray does so.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from apps.predictions.executors.base import Ending
from apps.predictions.executors.ray.node import Mailbox, train_on_node

POLL_SECONDS = 0.3
LAST_SECONDS = 5.0  # for what was told at the end
LEAVE_SECONDS = 8.0  # that the work has to clear up, before its process is killed
MB = 1024 * 1024


class Crowded(Exception):
    """No machine was free for too long."""


def main(path: Path) -> int:
    """Exit status 0 where the ending was told, whatever it is."""
    order = json.loads(path.read_text())
    address = order["address"]
    try:
        ray.init(address if address == "auto" else f"ray://{address}", log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        return _end(Ending(False, errors=str(error), reason="unreachable"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # after Ray has set its own, which leaves without us
    return _train(order)


def _train(order: dict[str, Any]) -> int:
    mailbox = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Mailbox).remote()
    limits = order["limits"]
    asked = {"num_cpus": limits["cpus"], "memory": int(limits["memory_mb"] * MB) or None}
    far = ray.remote(**asked, max_retries=order["tries"] - 1, retry_exceptions=False)(train_on_node)
    _say({"stage": "Wait for a free machine"})
    work = far.remote(order["place"], limits, mailbox)
    try:
        told = _follow(work, mailbox, order["wait"])
    except RayTaskError as error:  # our own code on the node
        return _end(Ending(False, 1, str(error)))
    except RayError as error:
        return _end(Ending(False, errors=str(error), reason="lost"))
    except Crowded:
        return _end(Ending(False, reason="crowded"))
    finally:
        _take_back(work)
    return _end(Ending(**told["how"]), told["model"])


def _follow(work: ray.ObjectRef, mailbox: Any, wait: float) -> dict[str, Any]:
    """What the work returns; meanwhile tell what it tells."""
    post, tries, until = Post(mailbox), set[str](), time.monotonic() + wait
    while True:
        ended, _ = ray.wait([work], timeout=POLL_SECONDS)
        for event in post.opened() if not ended else post.last():
            tries |= {event["begun"]} if "begun" in event else set()
            _say(_words_of_beginning(len(tries)) if "begun" in event else event)
        if ended:
            return ray.get(work)
        if not tries and time.monotonic() > until:
            raise Crowded


class Post:
    """What comes into the mailbox. One question is under way at a time: an answer that nobody waits for any more would be lost."""

    def __init__(self, mailbox: Any) -> None:
        self.mailbox = mailbox
        self.asked = mailbox.take.remote()

    def opened(self, wait: float = 0) -> list[dict[str, Any]]:
        """Nothing while the mailbox's own machine is replaced."""
        if not ray.wait([self.asked], timeout=wait)[0]:
            return []
        asked, self.asked = self.asked, self.mailbox.take.remote()
        try:
            return ray.get(asked)
        except RayError:
            return []

    def last(self) -> list[dict[str, Any]]:
        return [*self.opened(LAST_SECONDS), *self.opened(LAST_SECONDS)]


def _words_of_beginning(times: int) -> dict[str, Any]:
    if times > 1:
        return {"stage": "Begin again on another machine", "detail": "The one before was lost"}
    return {"stage": "Send the records to a machine that trains"}


def _take_back(work: ray.ObjectRef) -> None:
    """Nothing of it goes on; at first it may clear up."""
    for force in (False, True):
        if ray.wait([work], timeout=0)[0]:
            return
        ray.cancel(work, force=force)
        ray.wait([work], timeout=LEAVE_SECONDS)


def _end(ending: Ending, model: str = "") -> int:
    _say({"ending": {"how": asdict(ending), "model": model}})
    return 0


def _say(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
