"""Tables that do not fit the contract: kept aside, told once, then accepted or discarded by a person."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.template.loader import render_to_string

from apps.datasets.arrival import Arrived, Taken, note_outcome
from apps.datasets.contract import Match
from apps.datasets.lane import lane_of
from apps.datasets.models import Dataset, HeldTable
from apps.outbox.write import write_email
from apps.runs.lease import Work
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces import audit
from apps.workspaces.models import User, Workspace
from apps.workspaces.people import responsible
from einstein import storage
from einstein.ml.reader import ReadReport
from einstein.ml.reader.rows import Reject
from einstein.postgres import moment


def hold(work: Work, dataset: Dataset, arrived: Arrived, matched: Match) -> Taken:
    """Keep a table aside with its differences, and tell the owner. The last good snapshot stays in use."""
    key = storage.key_for(work.workspace_id, "datasets", dataset.id, "held", f"{work.run_id}-{work.lease}.parquet")
    storage.put(arrived.path, key)
    taken = Taken("held", said=[change.words for change in matched.changes if change.held])
    with work.fenced():
        if not HeldTable.objects.filter(run_id=work.run_id).exists():
            again = (
                HeldTable.objects.filter(dataset=dataset, state="open").values_list("differences", flat=True).first()
            )
            HeldTable.objects.filter(dataset=dataset, state="open").update(state="superseded")
            held = HeldTable.objects.create(
                dataset=dataset, run_id=work.run_id, upload=arrived.upload, origin=arrived.origin[:300], storage_key=key, differences=matched.to_json(),
                mapping=matched.mapping, reading={"report": arrived.report.to_json(), "changes_only": arrived.changes_only, "position": arrived.position, "fresh": arrived.fresh},
            )  # fmt: skip
            if again is None or _held_words(again) != _held_words(held.differences):
                _tell(dataset, held)
        note_outcome(work, taken)
    return taken


def accept(held: HeldTable, user: User) -> Run:
    """Take a held table in after all; done by a worker."""
    HeldTable.objects.filter(id=held.id).update(decided_by=user, decided_at=moment.now())
    audit.record(user, "held table accepted", held.dataset.name, origin=held.origin)
    lane, params = lane_of(held.dataset_id), {"held": held.id}
    return enqueue("accept", held.dataset_id, queue=lane, params=params, unique_key=f"accept:{held.id}", by=user)


def discard(held: HeldTable, user: User) -> None:
    HeldTable.objects.filter(id=held.id).update(state="discarded", decided_by=user, decided_at=moment.now())
    audit.record(user, "held table discarded", held.dataset.name, origin=held.origin)


def report_of(held: HeldTable) -> ReadReport:
    facts: dict[str, Any] = dict(held.reading["report"])
    return ReadReport(**facts | {"rejects": [Reject(**reject) for reject in facts["rejects"]]})


def _held_words(differences: list[dict[str, Any]]) -> list[str]:
    return sorted(f"{change['kind']} {change['field']} {change['arrived']}" for change in differences if change["held"])


def _tell(dataset: Dataset, held: HeldTable) -> None:
    """One e-mail to the owner: what came, what is wrong with it, what is in use meanwhile, what to do."""
    workspace = Workspace.objects.get(id=dataset.workspace_id)
    changes = [change for change in held.differences if change["held"]]
    subject = f"{dataset.name}: a newer table waits for you"
    context = {
        "dataset": dataset, "held": held, "changes": changes, "workspace": workspace, "subject": subject, "tag": "Held",
        "url": f"{settings.PUBLIC_URL}/w/{workspace.slug}/datasets/{dataset.id}/",
    }  # fmt: skip
    text, html = (render_to_string(f"datasets/email/held.{ending}", context) for ending in ("txt", "html"))
    for person in responsible(dataset.owner_id):
        write_email(person.email, subject, text, html, dedupe_key=f"held:{held.id}:{person.id}")
