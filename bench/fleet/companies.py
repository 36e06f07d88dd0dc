"""The companies: each with a file of 2,000 records of its own behind a web address, and three predictions with a webhook each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.fleet.models import KEY, Question, copy_with_own_hash, table_of

ROWS, EACH = 2000, 3
CHANGED, CAME = 0.1, 0.01  # shares of the records from night to night


def tonight(pool: pd.DataFrame, company: int, night: int) -> pd.DataFrame:
    """Company's records of a night, (ROWS, fields and key): drawn from a real table, a tenth changed since the night before, a few new."""
    random = np.random.default_rng([company, 0])
    rows = random.integers(len(pool), size=ROWS)
    keys = np.arange(ROWS)
    for later in range(1, night + 1):
        random = np.random.default_rng([company, later])
        changed = random.choice(ROWS, int(CHANGED * ROWS), replace=False)
        rows[changed] = random.integers(len(pool), size=len(changed))
        keys[changed[: int(CAME * ROWS)]] = later * ROWS + np.arange(int(CAME * ROWS))
    table = pool.iloc[rows].reset_index(drop=True)
    table.insert(0, KEY, [f"c{company}-{key}" for key in keys])
    return table


def write_feed(pools: dict[str, pd.DataFrame], names: list[str], home: Path, night: int) -> None:
    """The file of every company for a night."""
    home.mkdir(parents=True, exist_ok=True)
    for company, name in enumerate(names):
        tonight(pools[name], company, night).to_csv(home / f"{company}.csv", index=False)


def pools_of(models: dict[Question, Path]) -> dict[str, pd.DataFrame]:
    return {name: table_of(name) for name in dict.fromkeys(question.table for question in models)}


def found(models: dict[Question, Path], companies: range, feed: str) -> None:
    """Make workspaces of companies: a source that is read nightly, predictions with a model of their own, and where their scores go."""
    from django.conf import settings

    from apps.workspaces.models import User
    from apps.workspaces.people import create_workspace
    from einstein.ml.artifact import read_facts

    facts = {question: read_facts(folder) for question, folder in models.items()}
    tables = list(dict.fromkeys(question.table for question in models))
    for company in companies:
        user = User.objects.create_user(f"owner{company}@fleet.example", None, name=f"Owner {company}")
        workspace = create_workspace(f"Company {company}", user)
        table = tables[company % len(tables)]
        asked = [question for question in models if question.table == table]
        home = Path(settings.STORAGE_URL)
        _fill(
            workspace, user, company, feed, [(question, models[question], facts[question]) for question in asked], home
        )


def _fill(workspace: object, user: object, company: int, feed: str, asked: list, home: Path) -> None:
    from django.utils import timezone

    from apps.datasets.models import Dataset, Source
    from apps.deliveries.channels.webhook import Webhook
    from apps.deliveries.models import Delivery
    from apps.deliveries.which import Which
    from apps.predictions.models import ModelVersion, Prediction
    from apps.workspaces.scope import workspace_scope
    from einstein import storage
    from einstein.sealed import seal

    later = timezone.now() + timezone.timedelta(days=2)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Records", owner=user, key_field=KEY)
        Source.objects.create(
            dataset=dataset, kind="url", settings={"url": f"{feed}/{company}.csv"}, pick={"url": True}, state="active", next_run_at=later
        )  # fmt: skip
        for number in range(EACH):
            question, folder, facts = asked[number % len(asked)]
            prediction = Prediction.objects.create(
                name=f"{question.target} {number}", dataset=dataset, outcome_kind=question.task, outcome_field=question.target, positive=question.positive or "",
                ignored_fields=[KEY], fields_seen=True, score_mode="all", state="active", owner=user, next_run_at=later,
            )  # fmt: skip
            key = storage.key_for(workspace.id, "models", prediction.id)
            copy_with_own_hash(folder, home / key, prediction.id)
            version = ModelVersion.objects.create(
                prediction=prediction, number=1, state="champion", storage_key=key, hash=storage.sha256_of(home / key / "manifest.json"), facts=facts,
                enabled_at=timezone.now(),
            )  # fmt: skip
            Prediction.objects.filter(id=prediction.id).update(champion=version)
            Delivery.objects.create(
                prediction=prediction, kind="webhook", name="Our CRM", state="active", settings={"url": f"{feed}/hook", "events": ["scores.changed"]},
                which=Which("changed").to_json(), sealed=seal(workspace.id, Webhook.generated()),
            )  # fmt: skip
