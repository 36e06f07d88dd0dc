"""What a machine of the cluster does: fetch the records, train in a child under guard, bring the model back. It knows no database."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
from botocore.exceptions import BotoCoreError

from apps.predictions.executors.base import Ending, Hear, Limits, job_command
from apps.predictions.executors.base.child import run_child
from einstein.temporary import use_own_folder

HEARD_SECONDS = 10.0


class Mailbox:
    """An actor that keeps what is told until the driver takes it. Where its machine is lost it begins empty on another."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def tell(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def take(self) -> list[dict[str, Any]]:
        taken, self.events = self.events, []
        return taken


def train_on_node(place: str, limits: dict[str, Any], mailbox: Any) -> dict[str, Any]:
    """How it ended, and the name of the model below `place`: each try has a name of its own, only the one returned counts."""
    use_own_folder()
    name = f"model-{uuid4().hex}"
    mailbox.tell.remote({"begun": name})
    try:
        ending = _train(place, name, Limits(**limits), mailbox.tell.remote)
    except (OSError, BotoCoreError) as error:
        ending = Ending(False, errors=repr(error), reason="files")
    _wait_until_heard(mailbox)
    return {"how": asdict(ending), "model": name}


def _train(place: str, name: str, limits: Limits, hear: Hear) -> Ending:
    filesystem, root = fsspec.core.url_to_fs(place)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for file in ("job.json", "table.parquet"):
            filesystem.get_file(f"{root}/{file}", str(home / file))
        ending = run_child(job_command(home), limits, hear, lambda: False)
        if ending.finished:
            _bring_back(home / "model", filesystem, f"{root}/{name}")
    return ending


def _bring_back(model: Path, filesystem: fsspec.AbstractFileSystem, target: str) -> None:
    filesystem.makedirs(target, exist_ok=True)
    for path in sorted(model.iterdir()):
        filesystem.put_file(str(path), f"{target}/{path.name}")


def _wait_until_heard(mailbox: Any) -> None:
    """What was told on the way goes without waiting; here it must have arrived."""
    import ray

    try:
        ray.get(mailbox.tell.remote({}), timeout=HEARD_SECONDS)
    except ray.exceptions.RayError:  # its machine was lost: only progress is missing
        pass
