"""A scored prediction, its scoring done again with other scores, and destinations on this machine."""

from __future__ import annotations

import json
from datetime import timedelta

import pandas as pd
import pytest

from apps.deliveries import setup
from apps.deliveries.plan import plan_run
from apps.deliveries.which import Which
from apps.outbox.models import Sending
from apps.pipeline.story import begin_delivering
from apps.scoring.models import ScoringRun
from apps.scoring.score import newest_run
from einstein import storage
from tests.servers import PASSWORD


@pytest.fixture(autouse=True)
def _this_machine_may_be_reached(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def score_again(scored, tmp_path):
    """Another scoring run whose scores `change(table)` has made of the newest ones; the deliveries are planned as the scorer does it."""

    def again(change, number: int | None = None) -> ScoringRun:
        before = newest_run(scored)
        with storage.local_copy(before.history_key) as path:
            table = pd.read_parquet(path)
        table = change(table)
        path = tmp_path / f"run-{ScoringRun.objects.count()}.parquet"
        table.to_parquet(path, index=False)
        key = storage.key_for(scored.workspace_id, "scores", scored.id, path.name)
        storage.put(path, key)
        run = ScoringRun.objects.create(
            prediction=scored, version=before.version, snapshot=before.snapshot, fingerprint=path.name, records=len(table), scored=len(table),
            bands={band: int((table["band"] == band).sum()) for band in ("high", "medium", "low")}, history_key=key, as_of=before.as_of + timedelta(days=1),
        )  # fmt: skip
        plan_run(run)
        return run

    return again


def with_scores(**scores: float):
    """A change for `score_again`: other scores by key, with the band that goes with them."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        for key, value in scores.items():
            row = table["key"] == key.replace("_", "-")
            table.loc[row, "value"] = value
            table.loc[row, "band"] = "high" if value >= 0.6 else "medium" if value >= 0.3 else "low"
        return table

    return change


@pytest.fixture
def deliver(perform_runs):
    """What the clock and a worker do for one destination."""

    def do(delivery) -> None:
        begin_delivering(delivery.workspace_id, delivery.id)
        perform_runs()
        delivery.refresh_from_db()

    return do


@pytest.fixture
def make_delivery(scored, owner):
    """A delivery that is switched on."""

    def make(kind: str, settings: dict, secret: dict | None = None, which: Which | None = None, **answers):
        delivery = setup.connect(scored, kind, settings, secret or {}, owner)
        if "target" in answers:
            setup.point_at(delivery, answers.pop("target"), owner)
        plan = {"name": f"To {kind}", "schedule": "run", "hour": 8, "weekday": 0, **answers}
        setup.plan(delivery, plan, which or Which(), owner)
        delivery.refresh_from_db()
        return delivery

    return make


@pytest.fixture
def history(scored):
    """The newest scores as their file has them, the highest first."""
    with storage.local_copy(newest_run(scored).history_key) as path:
        return pd.read_parquet(path).sort_values(["value", "key"], ascending=[False, True]).reset_index(drop=True)


def newest(delivery) -> Sending:
    return Sending.objects.filter(destination_id=delivery.id).order_by("-id").first()


def writer(server) -> dict:
    return server.settings | {"user": "writer"}


SECRET = {"password": PASSWORD}


def reasons_in_words(row) -> list[str]:
    from einstein.ml.reasons import reason_words

    return [reason_words(reason) for reason in json.loads(row["reasons"])[:3]]
