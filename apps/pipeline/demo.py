"""The demo workspace: real customers, a prediction that trains in front of you, and its first scores following by themselves.

The data is the IBM Telco Customer Churn sample. A seeded 1,000 customers have their outcome blanked: they are the ones to
score, and the question says so.
"""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path

import pandas as pd
from allauth.account.models import EmailAddress
from django.conf import settings

from apps.datasets.models import Snapshot
from apps.datasets.upload import receive_path
from apps.monitoring.models import Watch
from apps.predictions.models import Prediction
from apps.predictions.train import start_training
from apps.runs.models import ENDED, Run
from apps.workspaces.models import User, Workspace
from apps.workspaces.people import create_workspace, workspaces_of
from apps.workspaces.scope import workspace_scope

DEMO_EMAIL = "demo@example.com"
SOURCE = settings.BASE_DIR / "apps" / "pipeline" / "demo_data" / "telco_churn.csv"
BLANKED, SEED = 1000, 7
TIME_ZONE = "Europe/Berlin"
STAGES = {
    "ingest": "Read the sample file",
    "train": "Trained the prediction",
    "score": "Scored 1,000 customers",
    "check": "First checks",
}


def ensure_demo() -> tuple[User, str | None, Workspace]:
    """The demo's person, her password when she was made just now, and her workspace. Made once; later starts keep it."""
    user = User.objects.filter(email=DEMO_EMAIL).first()
    if user is not None:
        return user, None, workspaces_of(user)[0]
    password = secrets.token_urlsafe(9)
    user = User.objects.create_user(DEMO_EMAIL, password, name="Maria Keller", is_staff=True)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    workspace = create_workspace("Brightline Telecom (demo)", user, TIME_ZONE)
    with workspace_scope(workspace.id), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "telco_churn.csv"
        blanked_customers().to_csv(path, index=False)
        dataset, _ = receive_path(path, "telco_churn.csv", user)
        dataset.name, dataset.noun, dataset.key_field = "Customers", "customer", "customerID"
        dataset.save()
        Prediction.objects.create(
            name="Customer churn", question=f"Which of the {BLANKED:,} customers whose outcome we blanked will leave?", dataset=dataset,
            outcome_kind="binary", outcome_field="Churn", positive="Yes", ignored_fields=["customerID"], fields_seen=True, budget_seconds=60,
            owner=user, enable_when_ready=True, steps_done=["question", "data", "outcome", "records", "fields", "schedule"],
        )  # fmt: skip
    return user, password, workspace


def start_waiting_demo_training(workspace: Workspace) -> bool:
    """Start the demo's training once its file is read; True when there is nothing left to wait for."""
    with workspace_scope(workspace.id):
        prediction = Prediction.objects.select_related("dataset").filter(enable_when_ready=True).order_by("id").first()
        if prediction is None or prediction.versions.exists():
            return True
        if not Snapshot.objects.filter(dataset=prediction.dataset).exists():
            return False
        start_training(prediction, prediction.owner)
        return True


def first_stages(workspace: Workspace) -> dict[str, str]:
    """What the demo has reached so far, each stage with its real seconds as a sentence."""
    with workspace_scope(workspace.id):
        ended = {run.kind: run for run in Run.objects.filter(state__in=ENDED).order_by("-id")}
        watch = Watch.objects.exclude(findings={}).first()
        said = {
            kind: f"{STAGES[kind]} in {run.seconds:.0f} s" if run.state == "succeeded" else run.error
            for kind, run in ended.items()
            if kind in STAGES
        }
        if watch is not None and "score" in said:
            failing = [finding["sees"] for finding in watch.findings.values() if finding["failing"]]
            said["check"] = f"{STAGES['check']}: {'; '.join(failing) or 'healthy'}"
        return said


def blanked_customers() -> pd.DataFrame:
    """The sample with the outcome of a seeded 1,000 customers blanked."""
    table = pd.read_csv(SOURCE, dtype=str, keep_default_na=False)
    table.loc[table.sample(BLANKED, random_state=SEED).index, "Churn"] = ""
    return table
