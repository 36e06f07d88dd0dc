"""The cast and the stage: a real PostgreSQL of its own, two companies, and people of every role."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKER = os.environ.get(
    "PYTEST_XDIST_WORKER", "alone"
)  # tests run in several processes, each with a database of its own
VAR = ROOT / "var" / f"tests-{WORKER}"
TELCO = ROOT / "tests" / "data" / "telco_small.csv"
# Named here and not in pyproject.toml: pytest-django would read the settings, and so touch the installation's own data,
# before this file has pointed them at the tests' data.
os.environ["DJANGO_SETTINGS_MODULE"] = "einstein.settings"
os.environ["EINSTEIN_VAR"] = str(VAR)
os.environ["EINSTEIN_STATIC_BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
os.environ["EINSTEIN_NO_LOGIN_LIMITS"] = "1"
os.environ["EINSTEIN_LOG_LEVEL"] = "ERROR"
os.environ["EINSTEIN_WATCH_CLOCK"] = "0"  # its thread knows nothing of tests' transactions
os.environ["EINSTEIN_COUNT_CALLS_SECONDS"] = "0"  # nor does that of the counted calls
os.environ["OMP_WAIT_POLICY"] = (
    "passive"  # test processes share two cores: a thread that spins keeps the other from its work
)
os.environ.pop("DATABASE_URL", None)
shutil.rmtree(VAR / "files", ignore_errors=True)

from tests.migrated import lay_into  # noqa: E402

lay_into(VAR)

import django  # noqa: E402
import pytest  # noqa: E402
from django.conf import settings as project  # noqa: E402

project.PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher"
]  # the real one takes half a second, by design
Path(project.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
django.setup()
del os.environ["DJANGO_SETTINGS_MODULE"]  # so that a second test process also comes here first

from hypothesis import settings as examples  # noqa: E402

from apps.datasets import field_looks  # noqa: E402
from tests.memo import remembering  # noqa: E402

examples.register_profile("by no clock", deadline=None)  # how long an example takes says how busy the machine is
examples.load_profile("by no clock")
field_looks.detect = remembering(field_looks.detect)  # hundreds of tests begin by reading one file


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what tests measured."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """Migrate as the owner in a process of its own; tests then run as the application's role, as production does."""
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"], cwd=ROOT, check=True)


@pytest.fixture(autouse=True)
def _mail_goes_through_the_outbox(settings):
    """As in production; Django's test runner would keep it in memory."""
    settings.EMAIL_BACKEND = "apps.outbox.account_mail.OutboxEmailBackend"


@pytest.fixture
def make_user(db):
    from allauth.account.models import EmailAddress

    from apps.workspaces.models import User

    def make(email: str, verified: bool = True) -> User:
        user = User.objects.create_user(email, "a long enough password", name=email.split("@")[0].title())
        EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
        return user

    return make


@pytest.fixture
def owner(make_user):
    return make_user("anna@brightline.example")


@pytest.fixture
def workspace(owner):
    from apps.workspaces.people import create_workspace

    return create_workspace("Brightline", owner, "Europe/Berlin")


@pytest.fixture
def stranger(make_user):
    return make_user("stranger@elsewhere.example")


@pytest.fixture
def elsewhere(stranger):
    from apps.workspaces.people import create_workspace

    return create_workspace("Elsewhere", stranger)


@pytest.fixture
def join(make_user):
    """Add a person with a role to a workspace."""
    from apps.workspaces.models import Membership
    from apps.workspaces.scope import workspace_scope

    def add(workspace, role: str):
        user = make_user(f"{role}@brightline.example")
        with workspace_scope(workspace.id):
            Membership.objects.create(user=user, role=role)
        return user

    return add


@pytest.fixture
def staff(make_user):
    """An operator of the installation."""
    user = make_user("ops@einstein.example")
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def ops(client, staff):
    """The operator's browser."""
    client.force_login(staff)
    return client


@pytest.fixture
def inside(workspace):
    """Run the test inside the workspace."""
    from apps.workspaces.scope import workspace_scope

    with workspace_scope(workspace.id):
        yield workspace


@pytest.fixture
def perform_runs(settings):
    """Do all queued work of the workspace in scope, here and now, as a worker would."""
    from apps.pipeline.tasks import perform
    from apps.runs.models import Run
    from apps.workspaces.scope import current_workspace_id

    settings.LEASE_SECONDS = 36_000  # the heartbeat's own connection cannot see a test's open transaction

    def do() -> None:
        while Run.objects.filter(state="queued").exists():
            run = Run.objects.filter(state="queued").order_by("id").first()
            Run.objects.filter(id=run.id).update(state="dispatched")
            perform(current_workspace_id(), run.id)
            run.refresh_from_db()
            assert run.state == "succeeded", run.error

    return do


@pytest.fixture(scope="session")
def churn_model(tmp_path_factory):
    """A model folder trained on the small Telco file."""
    from einstein.ml.reader import read_frame
    from einstein.ml.train import TrainRequest, train

    table, _ = read_frame(TELCO)
    folder = tmp_path_factory.mktemp("model") / "model"
    train(
        table[table["Churn"].notna()],
        TrainRequest("Churn", positive="Yes", ignore=["customerID"], trials=1, threads=1),
        folder,
    )
    return folder


@pytest.fixture
def dataset(inside, owner, perform_runs):
    """The small Telco file, read."""
    from apps.datasets.upload import receive_path

    made, _ = receive_path(TELCO, "telco_customers.csv", owner)
    perform_runs()
    made.refresh_from_db()
    return made


@pytest.fixture
def draft(dataset, owner):
    """A prediction of churn, ready to be trained."""
    from apps.predictions.models import Prediction

    return Prediction.objects.create(
        name="Churn", dataset=dataset, outcome_kind="binary", outcome_field="Churn", positive="Yes", ignored_fields=["customerID"],
        fields_seen=True, owner=owner, steps_done=["question", "data", "outcome", "records", "fields", "schedule"],
    )  # fmt: skip


@pytest.fixture
def scored(draft, churn_model, owner, perform_runs):
    """The same prediction, enabled, scored and watched."""
    from apps.datasets.records import newest_snapshot
    from apps.pipeline.story import begin_watching
    from apps.predictions.models import ModelVersion
    from apps.predictions.train import enable
    from einstein import storage
    from einstein.ml.artifact import read_facts

    key = storage.key_for(draft.workspace_id, "models", "test")
    storage.put_folder(churn_model, key)
    facts = read_facts(churn_model)
    version = ModelVersion.objects.create(
        prediction=draft, number=1, state="candidate", snapshot=newest_snapshot(draft.dataset), storage_key=key, hash=storage.sha256_of(churn_model / "manifest.json"), facts=facts
    )  # fmt: skip
    enable(version, owner)
    perform_runs()
    begin_watching(draft.workspace_id, draft.id)
    draft.refresh_from_db()
    return draft


@pytest.fixture(scope="session")
def other_postgres():
    """A customer's PostgreSQL; started once a test process, like the next ones."""
    from tests.servers import OtherPostgres

    server = OtherPostgres(VAR / "other").start_fresh()
    yield server
    server.leave()


@pytest.fixture(scope="session")
def mariadb():
    from tests.servers import MariaDB

    server = MariaDB(VAR / "mariadb").start()
    yield server
    server.stop()


@pytest.fixture
def server(settings):
    """A mail server that answers as it is told; the product sends through it."""
    from tests.servers import Mail

    running = Mail()
    settings.SMTP_URL = f"smtp://127.0.0.1:{running.port}"
    running.controller.start()
    yield running
    running.controller.stop()


@pytest.fixture
def salesforce():
    from tests.salesforce import Salesforce

    server = Salesforce()
    yield server
    server.stop()


@pytest.fixture
def sftp(tmp_path):
    from tests.servers import SFTP

    server = SFTP(tmp_path / "sftp").start()
    yield server
    server.stop()


@pytest.fixture
def bucket():
    from tests.servers import S3

    server = S3().start()
    yield server
    server.stop()
