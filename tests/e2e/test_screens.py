"""Every screen as a picture, wide and narrow, light and dark, and without accessibility violations (axe-core)."""

from __future__ import annotations

import base64
import csv
import re
from email import message_from_string, policy
from pathlib import Path

import pandas as pd
import pytest

from tests.e2e.artist import WIDTHS
from tests.e2e.conftest import DATA
from tests.e2e.stack import make_prediction, run_python, start_training, wait_for
from tests.servers import OtherPostgres, Web, send_bytes
from tests.two_steps import SET_UP, code_of

OUTSIDE = {"login": "/accounts/login/", "signup": "/accounts/signup/", "reset": "/accounts/password/reset/", "confirm": "/accounts/confirm-email/",
           "api": "/api/docs/"}  # fmt: skip
PERSONAL = {"profile": "/profile/", "addresses": "/accounts/email/", "password": "/accounts/password/change/", "new-workspace": "/workspaces/new/",
            "invitation": "/invitations/used/", "installation": "/console/", "kept-mail": "/console/mail/"}  # fmt: skip
INSIDE = {
    "home": "", "datasets": "datasets/", "dataset": "datasets/{d}/", "rows": "datasets/{d}/rows/", "snapshots": "datasets/{d}/snapshots/",
    "source-kinds": "sources/new/", "source-connect": "sources/new/postgresql/", "source-none": "datasets/{d}/source/",
    "source": "datasets/{s}/source/", "source-pick": "datasets/{s}/source/pick/", "source-plan": "datasets/{s}/source/plan/",
    "source-held": "datasets/{s}/", "compare": "datasets/{s}/compare/?a=1&b=2",
    "predictions": "predictions/", "scores": "predictions/{p}/scores/", "record": "predictions/{p}/records/{k}/",
    "scorecard": "predictions/{p}/versions/1/", "monitoring": "predictions/{p}/monitoring/", "widgets": "predictions/{p}/widgets/",
    "deliveries": "predictions/{p}/deliveries/", "delivery-kinds": "predictions/{p}/deliveries/new/", "delivery-connect": "predictions/{p}/deliveries/new/email_list/",
    "delivery-webhook": "predictions/{p}/deliveries/new/webhook/", "delivery-target": "predictions/{p}/deliveries/{db}/target/?other=1",
    "delivery-plan": "predictions/{p}/deliveries/{db}/plan/", "delivery": "predictions/{p}/deliveries/{db}/", "delivery-failing": "predictions/{p}/deliveries/{hook}/",
    "delivery-held": "predictions/{p}/deliveries/{held}/", "source-rest": "sources/rest/", "source-salesforce": "sources/new/salesforce/", "related": "datasets/{d}/related/", "join": "datasets/{d}/related/{o}/",
    "made-source": "datasets/{made}/source/", "made-related": "datasets/{made}/related/", "prediction-new": "predictions/new/",
    "wizard-template": "predictions/{t}/wizard/question/", "wizard-parts": "predictions/{t}/wizard/data/",
    "source-pushed": "datasets/{push}/source/", "erase-record": "datasets/{d}/erase/",
    "widget": "predictions/{p}/widgets/{w}/", "prediction-settings": "predictions/{p}/settings/",
    "wizard-question": "predictions/{p}/wizard/question/", "wizard-data": "predictions/{p}/wizard/data/",
    "wizard-outcome": "predictions/{p}/wizard/outcome/", "wizard-records": "predictions/{p}/wizard/records/",
    "wizard-fields": "predictions/{p}/wizard/fields/", "wizard-schedule": "predictions/{p}/wizard/schedule/",
    "wizard-review": "predictions/{p}/wizard/review/", "alerts": "alerts/", "alert": "alerts/{a}/", "health": "health/",
    "field-records": "predictions/{p}/monitoring/field/?name=MonthlyCharges", "alert-settings": "predictions/{p}/monitoring/settings/", "periods": "predictions/{p}/monitoring/compare/", "people": "settings/", "keys": "settings/keys/",
    "activity": "settings/audit/", "workspace": "settings/workspace/", "export": "settings/export/", "usage": "settings/usage/", "retention": "settings/retention/", "not-found": "nothing/",
}  # fmt: skip
OUT_OF_RANGE = """
from pathlib import Path
from apps.datasets.models import Dataset
from apps.datasets.upload import receive_path
from apps.deliveries.models import Widget
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope
with workspace_scope({workspace}):
    receive_path(Path("{file}"), "november.csv", None, Dataset.objects.get(id={dataset}))
    print(Widget.objects.create(prediction_id={prediction}, name="Churn risk", origins=["https://crm.example.com"]).id)
print(create_workspace("Fresh start", User.objects.get(email="screens@brightline.example")).slug)
"""
PAST = """
from datetime import timedelta
import random
from apps.monitoring.links import answer_url, leave_url
from apps.monitoring.models import Incident, Look
from apps.outbox.models import RefusedAddress
from apps.scoring.models import Outcome, Score, ScoringRun
from apps.workspaces.scope import workspace_scope
random.seed(3)
with workspace_scope({workspace}):
    first = Look.objects.filter(prediction_id={prediction}).order_by("id").first()
    run = first.scoring_run
    for days in range(1, 40):
        earlier = ScoringRun.objects.create(prediction_id={prediction}, version=run.version, fingerprint=str(days), records=run.records, scored=run.scored,
            history_key=run.history_key, snapshot=run.snapshot, bands=run.bands, as_of=run.as_of - timedelta(days=days))
        fields = {{name: [row[0] * random.uniform(0.97, 1.03) if row[0] else row[0], *row[1:]] for name, row in first.fields.items()}}
        scores = first.scores | {{"high": first.scores["high"] * random.uniform(0.9, 1.1), "estimated": first.scores["estimated"] + random.uniform(-0.01, 0.01)}}
        Look.objects.create(prediction_id={prediction}, scoring_run=earlier, number=1, records=first.records, fields=fields, scores=scores, at=earlier.as_of)
    Outcome.objects.bulk_create(Outcome(prediction_id={prediction}, version=run.version, key=one.key, said=one.value, band=one.band, said_at=run.as_of,
        came=float(random.random() < one.value), known_at=run.as_of) for one in Score.objects.filter(prediction_id={prediction}))
    RefusedAddress.objects.create(email="jo@brightline.example", words="5.1.1 The email account that you tried to reach does not exist")
    print(answer_url(Incident.objects.get(id={alert}), "maria@brightline.example"), leave_url({workspace}, "maria@brightline.example"))
"""
TOO_FEW = """
from apps.workspaces.scope import workspace_scope
from apps.predictions.models import Prediction
from apps.predictions.train import start_training
with workspace_scope({workspace}):
    other = Prediction.objects.get(id={prediction})
    other.id, other.champion_id, other.name, other.training, other.budget_seconds = None, None, "{name}", {training}, 30
    other.learn_filters, other.state, other.enable_when_ready = {filters}, "draft", False
    other.save()
    start_training(other, None)
    print(other.id)
"""


@pytest.fixture(scope="module")
def screens(stack, tmp_path_factory):
    """Addresses of all screens of a workspace that is in full use, with an open alert."""
    workspace, slug, dataset, prediction = make_prediction(stack, "screens", DATA / "telco_small.csv")
    start_training(stack, workspace, prediction)
    key = wait_for(
        lambda: stack.sql(
            "SELECT key FROM scoring_score WHERE prediction_id = %s ORDER BY value DESC LIMIT 1", prediction
        ),
        120,
        "the first scores",
    )[0][0]
    written, failing, held = delivered(stack, workspace, prediction)
    file = dearer(tmp_path_factory.mktemp("newer") / "november.csv")
    values = {"workspace": workspace, "dataset": dataset, "prediction": prediction, "file": file}
    widget, empty = run_python(stack, OUT_OF_RANGE.format(**values)).split()
    alert = wait_for(
        lambda: stack.sql("SELECT id FROM monitoring_incident WHERE workspace_id = %s AND told_at IS NOT NULL", workspace),
        60, "the alert",
    )[0][0]  # fmt: skip
    links = run_python(stack, PAST.format(**values, alert=alert)).split()
    stack.sql("UPDATE workspaces_user SET is_staff = true WHERE email = 'screens@brightline.example'")
    wait_for(
        lambda: stack.sql("SELECT 1 FROM outbox_sending WHERE destination_id = %s AND state = 'held'", held),
        60, "the held delivery",
    )  # fmt: skip
    named = {
        "db": written,
        "hook": failing,
        "held": held,
        "push": pushed(stack, workspace),
        **joined(stack, workspace, dataset),
        "s": held_source(stack, workspace),
        "d": dataset,
        "p": prediction,
        "k": key,
        "w": widget,
        "a": alert,
    }
    inside = {name: f"/w/{slug}/" + path.format(**named) for name, path in INSIDE.items()}
    mailed = dict(zip(("answer-alert", "leave-alerts"), (link.removeprefix(stack.base) for link in links), strict=True))
    return inside | PERSONAL | mailed | {"first-run": f"/w/{empty}/", "first-datasets": f"/w/{empty}/datasets/", "first-predictions": f"/w/{empty}/predictions/",
                                "quiet": f"/w/{empty}/alerts/"}, values  # fmt: skip


SOURCE = """
from apps.datasets import sources
from apps.datasets.models import Dataset
from apps.predictions.models import Prediction
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
user = User.objects.get(email="screens@brightline.example")
with workspace_scope({workspace}):
    source = sources.connect("url", {{"url": "{url}"}}, {{"header": ""}}, {workspace}, user)
    sources.pick(source, {{"url": True, "title": "customers.csv"}}, user)
    sources.plan(source, {{"name": "CRM customers", "noun": "customer", "key_field": "customerID", "mode": "full", "schedule": "daily", "hour": 5, "weekday": 0}}, user)
    Prediction.objects.create(name="Monthly charges", dataset=source.dataset, outcome_kind="regression", outcome_field="MonthlyCharges")
    print(source.dataset_id)
"""
AGAIN = """
from apps.datasets import sources
from apps.datasets.models import Source
from apps.workspaces.scope import workspace_scope
with workspace_scope({workspace}):
    sources.refresh_now(Source.objects.get(dataset_id={dataset}), None)
"""


def held_source(stack, workspace: int) -> int:
    """A dataset fed from a web address: read, read again with changes, and then held because a field was renamed."""
    bodies = [(DATA / "telco_small.csv").read_text()]
    bodies.append(
        "\n".join(
            line
            for place, line in enumerate(bodies[0].replace("Month-to-month", "One year", 40).splitlines())
            if place % 100 != 7
        )
    )
    bodies.append(bodies[1].replace("MonthlyCharges", "Monthly fee"))
    server = Web(lambda handler: send_bytes(handler, bodies[0].encode()))
    dataset = int(run_python(stack, SOURCE.format(workspace=workspace, url=f"{server.base}/customers.csv")))
    for number, table in enumerate(("datasets_snapshot", "datasets_snapshot", "datasets_heldtable")):
        wait_for(
            lambda table=table, number=number: (
                len(stack.sql(f"SELECT id FROM {table} WHERE dataset_id = %s", dataset))
                >= (number + 1 if "snap" in table else 1)
            ),
            60,
            table,
        )
        if number < 2:
            wait_for(
                lambda: (
                    not stack.sql(
                        "SELECT id FROM runs_run WHERE kind = 'refresh' AND state IN ('queued', 'dispatched', 'running')"
                    )
                ),
                60,
                "the reading",
            )
            bodies.pop(0)
            run_python(stack, AGAIN.format(workspace=workspace, dataset=dataset))
    return dataset


DELIVERIES = """
from dataclasses import replace
from apps.deliveries import setup
from apps.deliveries.channels.webhook import Webhook
from apps.deliveries.forms import own_target
from apps.deliveries.which import Which
from apps.predictions.models import Prediction
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
user = User.objects.get(email="screens@brightline.example")
plan = {{"schedule": "run", "hour": 8, "weekday": 0, "hold_percent": 20, "expires_days": 7, "now": True}}
with workspace_scope({workspace}):
    prediction = Prediction.objects.get(id={prediction})
    table = setup.connect(prediction, "postgresql", {settings}, {{"password": "a reader's password"}}, user)
    setup.point_at(table, own_target(prediction, "public"), user)
    setup.plan(table, plan | {{"name": "Scores for the CRM"}}, Which(), user)
    hook = setup.connect(prediction, "webhook", {{"url": "http://127.0.0.1:9/hook", "events": ["scores.changed"]}}, Webhook.generated(), user)
    setup.plan(hook, plan | {{"name": "Tell the dialler"}}, Which(), user)
    people = setup.connect(prediction, "email_list", {{"addresses": "maria@brightline.example", "owner_field": "", "label_field": "", "count": 10, "band": "high"}}, {{}}, user)
    setup.plan(people, plan | {{"name": "Monday list", "schedule": "weekly"}}, Which(), user)
    setup.try_out(table, user)
    careful = setup.connect(prediction, "postgresql", {settings}, {{"password": "a reader's password"}}, user)
    setup.point_at(careful, replace(own_target(prediction, "public"), table="einstein_careful"), user)
    setup.plan(careful, plan | {{"name": "Asks first", "hold_percent": 1}}, Which(), user)
print(table.id, hook.id, careful.id)
"""


def delivered(stack, workspace: int, prediction: int) -> tuple[int, int, int]:
    """(a delivery whose scores have arrived in a database, one whose destination is away, one that asks first when bands change)."""
    server = OtherPostgres(stack.var / "crm").start_fresh()
    settings = server.settings | {"user": "writer"}
    table, hook, careful = run_python(
        stack, DELIVERIES.format(workspace=workspace, prediction=prediction, settings=settings)
    ).split()
    wait_for(
        lambda: stack.sql(
            "SELECT count(*) FROM outbox_sending WHERE destination_id IN (%s, %s) AND state = 'arrived' HAVING count(*) = 2",
            int(table),
            int(careful),
        ),
        60,
        "the write-back",
    )
    wait_for(
        lambda: stack.sql("SELECT 1 FROM outbox_sending WHERE destination_id = %s AND attempts > 1", int(hook)),
        60,
        "two attempts",
    )
    wait_for(
        lambda: stack.sql(
            "SELECT 1 FROM runs_run WHERE kind = 'dry_run' AND subject_id = %s AND state = 'succeeded'", int(table)
        ),
        60,
        "the try-out",
    )
    return int(table), int(hook), int(careful)


PUSHED = """
from apps.datasets import sources
from apps.datasets.push import receive_batch
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
with workspace_scope({workspace}):
    dataset = sources.make_pushed("Tickets", "ticket", "number", User.objects.get(email="screens@brightline.example"))
    receive_batch(dataset, [{{"number": f"T{{n}}", "topic": "Router", "days": n % 9}} for n in range(150)], "", "Help desk")
    print(dataset.id)
"""


def pushed(stack, workspace: int) -> int:
    """A dataset that another program has sent records to."""
    dataset = int(run_python(stack, PUSHED.format(workspace=workspace)))
    wait_for(
        lambda: stack.sql("SELECT 1 FROM datasets_snapshot WHERE dataset_id = %s", dataset), 60, "the records sent"
    )
    return dataset


JOINED = """
from pathlib import Path
from apps.datasets.enrich import make_enriched
from apps.datasets.models import Dataset, Snapshot
from apps.datasets.relations import relations_of
from apps.datasets.upload import receive_path
from apps.predictions.models import Prediction
from apps.predictions.parts import make_sample
from apps.predictions.templates_catalog import registry
from apps.workspaces.models import User
from apps.workspaces.scope import workspace_scope
import time
user = User.objects.get(email="screens@brightline.example")
with workspace_scope({workspace}):
    orders, _ = receive_path(Path("{file}"), "orders.csv", user)
    sample = make_sample(registry()["customer_churn"], user)
    draft = Prediction.objects.create(name="Customer churn", question="Which customers will leave?", template="customer_churn", owner=user, dataset=sample, steps_done=["question"])
for _ in range(240):
    with workspace_scope({workspace}):
        if Snapshot.objects.filter(dataset__in=[orders, sample]).count() == 2:
            break
    time.sleep(0.25)
with workspace_scope({workspace}):
    base = Dataset.objects.get(id={dataset})
    made = make_enriched(base, [relations_of(base)[0].join], "", user)
print(orders.id, made.dataset_id, draft.id)
"""


def joined(stack, workspace: int, dataset: int) -> dict[str, int]:
    """Orders of the customers, a dataset made of both, and a draft that began from a template."""
    keys = pd.read_csv(DATA / "telco_small.csv", dtype=str)["customerID"].head(500)
    orders = pd.DataFrame({
        "order": [f"O{n}" for n in range(1500)], "customerID": [keys[n % 500] for n in range(1500)],
        "ordered_on": [f"2026-{1 + n % 9:02d}-{1 + n % 28:02d}" for n in range(1500)], "amount": [f"{20 + n % 90}.50" for n in range(1500)],
        "status": [["paid", "open", "sent back"][n % 3] for n in range(1500)],
    })  # fmt: skip
    file = stack.var / "orders.csv"
    orders.to_csv(file, index=False)
    found = run_python(stack, JOINED.format(workspace=workspace, dataset=dataset, file=file)).split()
    related, made, draft = (int(number) for number in found)
    wait_for(lambda: stack.sql("SELECT 1 FROM datasets_snapshot WHERE dataset_id = %s", made), 60, "the joined records")
    return {"o": related, "made": made, "t": draft}


def dearer(file: Path) -> Path:
    """The open records with charges the model has never seen."""
    rows = list(csv.DictReader((DATA / "telco_small.csv").open()))
    for row in rows:
        if not row["Churn"]:
            row["MonthlyCharges"] = str(float(row["MonthlyCharges"]) + 200)
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.mark.parametrize("width", WIDTHS)
def test_every_screen_is_drawn_without_an_accessibility_violation(screens, artist, width):
    outside, inside = artist(width, logged_in=False), artist(width)
    for name, path in OUTSIDE.items():
        outside.draw(name, path)
    for name, path in screens[0].items():
        inside.draw(name, path)
    assert outside.found() | inside.found() == {}


def test_training_and_its_failure_are_drawn_too(stack, screens, artist):
    _, values = screens
    few = TOO_FEW.format(
        **values, name="Few records", training={}, filters=[{"field": "tenure", "op": "is", "value": "71"}]
    )
    failing = int(run_python(stack, few))
    wait_for(
        lambda: stack.sql("SELECT 1 FROM predictions_modelversion WHERE prediction_id = %s AND state = 'failed'", failing),
        60, "the refusal",
    )  # fmt: skip
    slug = screens[0]["home"]
    running = int(
        run_python(stack, TOO_FEW.format(**values, name="Long training", training={"threads": 1}, filters=[]))
    )
    wait_for(
        lambda: stack.sql("SELECT 1 FROM runs_run r JOIN predictions_modelversion v ON v.id = r.subject_id AND r.kind = 'train' "
                          "WHERE v.prediction_id = %s AND r.progress ? 'tried'", running),
        60, "the first models tried",
    )  # fmt: skip
    faults = {}
    for width in WIDTHS:
        drawn = artist(width)
        drawn.draw("training-failed", f"{slug}predictions/{failing}/versions/1/")
        # Last, because the page loads itself again once the training is over.
        drawn.draw("training", f"{slug}predictions/{running}/versions/1/")
        faults |= drawn.found()
    stack.sql("UPDATE runs_run SET cancel_requested = true WHERE state = 'running'")  # nobody waits for it
    assert faults == {}


CAREFUL = """
from allauth.account.models import EmailAddress
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
user = User.objects.create_user("{email}", "a long enough password", name="Carla Careful")
EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
print(create_workspace("Careful company", user).slug)
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_the_second_step_of_a_log_in_is_drawn_too(stack, artist, width):
    email = f"careful-{width}@brightline.example"
    slug = run_python(stack, CAREFUL.format(email=email)).strip()
    drawn = artist(width, logged_in=False)
    page, go_on = drawn.page, lambda: drawn.page.click("main .button.wide")

    def type_password(at) -> None:
        at.goto(f"{stack.base}/accounts/login/")
        at.fill("[name=login]", email)
        at.fill("[name=password]", "a long enough password")

    for at in (page, artist(360, logged_in=False).page):
        type_password(at)
        at.click("button.primary")
        at.wait_for_url("**/w/**")
    drawn.draw("sessions", "/accounts/sessions/")
    drawn.draw("two-steps-off", "/accounts/2fa/")
    drawn.draw("is-it-you", SET_UP)
    page.fill("[name=password]", "a long enough password")
    drawn.reach("two-steps-set-up", go_on)
    page.fill("[name=code]", "1")
    drawn.reach("two-steps-wrong-code", go_on)
    page.fill("[name=code]", code_of(page.locator("code.secret").text_content()))
    drawn.reach("recovery-codes", go_on)
    for name, path in {"two-steps-on": "", "recovery-codes-new": "recovery-codes/generate/", "two-steps-turn-off": "totp/deactivate/",
                       "is-it-you-code": "reauthenticate/"}.items():  # fmt: skip
        drawn.draw(name, f"/accounts/2fa/{path}")
    page.goto(f"{stack.base}/w/{slug}/settings/")
    drawn.reach("people-required", lambda: page.click("button[name=needed]"))
    page.context.clear_cookies()
    type_password(page)
    drawn.reach("second-step", lambda: page.click("button.primary"))
    assert drawn.found() == {}


def test_e_mails_are_drawn_too(stack, screens, artist):
    messages = [message_from_string(text, policy=policy.default) for _, text in stack.inbox.messages]
    subjects = [(mail["Subject"], mail) for mail in messages if "Churn screens" in mail["Subject"]]
    found = {
        "list-email": next(mail for subject, mail in subjects if "to look at" in subject),
        "alert-email": next(mail for subject, mail in subjects if "to look at" not in subject),
    }
    found = {name: with_picture(mail) for name, mail in found.items()}
    faults = {}
    for width in WIDTHS:
        drawn = artist(width, logged_in=False)
        for name, html in found.items():
            drawn.show(name, html)
        leave = re.search(r"https?://[^/]+(/lists/[^\"]+/)", found["list-email"])[1]
        drawn.draw("leave-list", leave)
        faults |= drawn.found()
    assert faults == {}


def with_picture(mail) -> str:
    """The mail's HTML as a mail program shows it."""
    html = mail.get_body(("html", "related")).get_body(("html",)).get_content()
    for part in mail.walk():
        if part["Content-ID"] == "<picture>":
            html = html.replace(
                "cid:picture", f"data:image/png;base64,{base64.b64encode(part.get_payload(decode=True)).decode()}"
            )
    return html
