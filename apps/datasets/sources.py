"""A dataset's source: connected, tested, picked, planned. Secrets go in sealed and never come out to a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.datasets.connectors import registry
from apps.datasets.connectors.base import Connector, Setting
from apps.datasets.lane import lane_of
from apps.datasets.models import Dataset, Source
from apps.datasets.upload import noun_of, readable_name
from apps.runs.models import Run
from apps.runs.queue import enqueue
from apps.workspaces import audit
from apps.workspaces.models import User
from einstein.sealed import seal, unseal


def connector_of(source: Source) -> Connector:
    """The connection of a source, ready to be used; raises `CannotOpen` when its secret cannot be opened."""
    return registry()[source.kind](source.settings, unseal(source.workspace_id, source.sealed))


def split_answers(
    asked: Sequence[Setting], answers: dict[str, Any], kept: dict[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(settings, secret) of a filled-in form; a secret left blank stays as it was kept."""
    settings = {setting.name: answers.get(setting.name, "") for setting in asked if not setting.secret}
    secret = {
        setting.name: answers.get(setting.name) or (kept or {}).get(setting.name, "")
        for setting in asked
        if setting.secret
    }
    return settings, secret


def connect(kind: str, settings: dict[str, Any], secret: dict[str, Any], workspace_id: int, user: User) -> Source:
    """Keep a new connection as a draft; it becomes a dataset's source when something is picked."""
    with transaction.atomic():
        dataset = Dataset.objects.create(name=f"From {registry()[kind](settings, secret).place}"[:120], owner=user)
        source = Source.objects.create(
            dataset=dataset, kind=kind, settings=settings, sealed=seal(workspace_id, secret), created_by=user
        )
        audit.record(user, "source connected", dataset.name, kind=kind)
    return source


def make_pushed(name: str, noun: str, key_field: str, user: User) -> Dataset:
    """A dataset whose records other programs send."""
    dataset = Dataset.objects.create(name=name, noun=noun.strip().lower(), key_field=key_field.strip(), owner=user)
    audit.record(user, "dataset made", name, key_field=key_field)
    return dataset


def change_connection(source: Source, settings: dict[str, Any], secret: dict[str, Any], user: User) -> None:
    source.settings, source.sealed, source.failures = settings, seal(source.workspace_id, secret), 0
    source.save(update_fields=["settings", "sealed", "failures"])
    audit.record(user, "source changed", source.dataset.name, kind=source.kind)


def pick(source: Source, chosen: dict[str, Any], user: User) -> None:
    """Decide what is read. Another pick begins anew, with everything."""
    if source.pick != chosen:
        source.pick, source.position = chosen, {}
        if source.state == "draft":
            title = str(chosen.get("title") or chosen.get("table") or chosen.get("pattern") or "")
            if title:
                source.dataset.name, source.dataset.noun = readable_name(title), noun_of(title)
                source.dataset.save(update_fields=["name", "noun"])
        source.save(update_fields=["pick", "position"])
        audit.record(user, "source picked", source.dataset.name, pick=connector_of(source).words_of(chosen))


def plan(source: Source, answers: dict[str, Any], user: User) -> Run:
    """Set how and when it is read, and read it now."""
    dataset = source.dataset
    before = (source.mode, source.cursor_field)
    source.mode, source.cursor_field = (
        answers["mode"],
        answers.get("cursor_field", "") if answers["mode"] == "changes" else "",
    )
    if (source.mode, source.cursor_field) != before:
        source.position = {}
    source.schedule, source.schedule_hour, source.schedule_weekday = (
        answers["schedule"],
        answers["hour"],
        answers["weekday"],
    )
    source.state, source.next_run_at = "active", None  # the clock plans anew
    source.save()
    dataset.name, dataset.noun = answers["name"], answers["noun"]
    dataset.key_field = answers.get("key_field") or dataset.key_field
    dataset.save(update_fields=["name", "noun", "key_field"])
    audit.record(user, "source planned", dataset.name, schedule=source.schedule, mode=source.mode)
    return refresh_now(source, user)


def refresh_now(source: Source, user: User | None) -> Run:
    number = source.dataset_id
    return enqueue("refresh", number, queue=lane_of(number), unique_key=f"refresh:{number}", by=user)
