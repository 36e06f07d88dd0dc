"""A million changed scores written back into a customer's PostgreSQL, against a bare COPY and upsert of the same rows in the same run."""

from __future__ import annotations

import json
import statistics
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.flow.installation import VAR, perform, workspace_of_its_own

ROWS, BARE_RUNS, LEAST_SHARE = 1_000_000, 3, 0.5
COLUMNS = "record_key, score, band, predicted, reasons, as_of, model_version, expires_at"


def write_back() -> bool:
    from tests.servers import OtherPostgres

    server = OtherPostgres(VAR / "other").start_fresh()
    user, workspace = workspace_of_its_own()
    delivery = _delivery(server, user, workspace)
    first = _deliver(workspace, delivery, 0)
    second = _deliver(workspace, delivery, 1)
    bare = [ROWS / _bare(server) for _ in range(BARE_RUNS)]
    server.leave()
    rate, alone = ROWS / second["seconds"], statistics.median(bare)
    print(f"bare COPY + upsert {'/'.join(f'{one:,.0f}' for one in sorted(bare))} rows/s, {ROWS:,} scores with reasons")
    print(f"first write-back   {ROWS / first['seconds']:,.0f} rows/s; peak {first['gb']:.2f} GB")
    print(
        f"all changed        {rate:,.0f} rows/s in {second['seconds']:.1f} s: {rate / alone:.2f} of it (at least {LEAST_SHARE}); peak {second['gb']:.2f} GB"
    )
    return rate / alone < LEAST_SHARE


def _scores(number: int) -> pa.Table:
    """A scoring run's history: a million scores, all of them other than those of the run before."""
    random = np.random.default_rng(number)
    value = random.random(ROWS)
    fields, values = (
        ["Contract", "tenure", "MonthlyCharges", "InternetService", "PaymentMethod", "TotalCharges"],
        random.integers(0, 9000, (ROWS, 6)),
    )
    shares = random.random((ROWS, 6)).round(4)
    reasons = [
        json.dumps(
            [
                {
                    "field": fields[k],
                    "value": str(values[i, k]),
                    "direction": "raises" if k % 2 else "lowers",
                    "size": "",
                    "share": shares[i, k],
                }
                for k in range(6)
            ]
        )
        for i in range(ROWS)
    ]
    # The bands stay, so that the cap on changed bands does not hold the run.
    band = np.where(np.arange(ROWS) % 3 == 0, "high", np.where(np.arange(ROWS) % 3 == 1, "medium", "low"))
    return pa.table({"key": [f"C{i:08d}" for i in range(ROWS)], "value": value, "predicted": np.where(value > 0.5, "Yes", "No"), "band": band,
                     "reasons": reasons, "seen": np.zeros(ROWS, dtype=bool)})  # fmt: skip


def _delivery(server: object, user: object, workspace: object) -> object:
    from apps.datasets.models import Dataset
    from apps.deliveries import setup
    from apps.deliveries.forms import own_target
    from apps.deliveries.which import Which
    from apps.predictions.models import ModelVersion, Prediction
    from apps.workspaces.scope import workspace_scope
    from tests.servers import PASSWORD

    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Customers", key_field="id", owner=user)
        prediction = Prediction.objects.create(
            name="Churn", dataset=dataset, state="active", owner=user, outcome_kind="binary"
        )
        version = ModelVersion.objects.create(prediction=prediction, number=1, state="champion")
        Prediction.objects.filter(id=prediction.id).update(champion=version)
        delivery = setup.connect(
            prediction, "postgresql", server.settings | {"user": "writer"}, {"password": PASSWORD}, user
        )
        setup.point_at(delivery, own_target(prediction, "public"), user)
        setup.plan(
            delivery,
            {"name": "CRM", "schedule": "run", "hour": 8, "weekday": 0, "hold_percent": 20, "expires_days": 7},
            Which(),
            user,
        )
    return delivery


def _deliver(workspace: object, delivery: object, number: int) -> dict:
    from django.utils import timezone

    from apps.deliveries.plan import plan_run
    from apps.outbox.models import Sending
    from apps.predictions.models import ModelVersion
    from apps.runs.models import Run
    from apps.runs.queue import enqueue
    from apps.scoring.models import ScoringRun
    from apps.workspaces.scope import workspace_scope
    from einstein import storage

    path = VAR / "scores.parquet"
    pq.write_table(_scores(number), path)
    key = storage.key_for(workspace.id, "scores", f"{number}.parquet")
    storage.put(path, key)
    with workspace_scope(workspace.id):
        run = ScoringRun.objects.create(
            prediction_id=delivery.prediction_id, version=ModelVersion.objects.get(prediction_id=delivery.prediction_id), fingerprint=str(number), records=ROWS,
            scored=ROWS, history_key=key, as_of=timezone.now() + timedelta(seconds=number),
        )  # fmt: skip
        plan_run(run)
        work = enqueue("deliver", delivery.id)
        Run.objects.filter(id=work.id).update(state="dispatched")
    facts = perform(workspace, work)
    with workspace_scope(workspace.id):
        sending = Sending.objects.get(facts__scoring_run=run.id)
    assert (sending.state, sending.acknowledged) == ("arrived", ROWS), sending.last_error
    return facts


def _bare(server: object) -> float:
    """Seconds of COPY into a staging table and one upsert of the rows that the table holds now, with other scores."""
    import psycopg

    path = Path(VAR / "bare.csv")
    with psycopg.connect(server.admin) as connection:
        with (
            path.open("wb") as out,
            connection.cursor().copy(f"COPY (SELECT {COLUMNS} FROM einstein_churn) TO STDOUT (FORMAT csv)") as copy,
        ):
            for piece in copy:
                out.write(piece)
        began = time.monotonic()
        connection.execute(
            f"CREATE TEMP TABLE staging ON COMMIT DROP AS SELECT {COLUMNS} FROM einstein_churn WITH NO DATA"
        )
        with path.open("rb") as rows, connection.cursor().copy("COPY staging FROM STDIN (FORMAT csv)") as copy:
            while piece := rows.read(1 << 20):
                copy.write(piece)
        changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in COLUMNS.split(", ")[1:])
        connection.execute(
            f"INSERT INTO einstein_churn ({COLUMNS}) SELECT {COLUMNS} FROM staging ON CONFLICT (record_key) DO UPDATE SET {changes}"
        )
        connection.commit()
    return time.monotonic() - began
