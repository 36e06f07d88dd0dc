"""Nights of a few companies: each reads its table, scores two predictions, looks at the scores, checks, tells its webhook and writes its mails.
Whatever fails meanwhile, in the morning nothing is lost and nothing is doubled."""

from __future__ import annotations

import io
import time
from collections import Counter
from pathlib import Path

import pandas as pd

from tests.e2e.stack import wait_for
from tests.faults.installation import Installation

EACH, RECORDS, PATIENCE = 2, 300, 240
TELCO = Path(__file__).resolve().parents[1] / "data" / "telco_small.csv"
FOUND = """
from pathlib import Path
import pandas as pd
from allauth.account.models import EmailAddress
from django.utils import timezone
from apps.datasets.models import Dataset, Source
from apps.deliveries import setup
from apps.deliveries.which import Which
from apps.predictions.models import ModelVersion, Prediction
from apps.workspaces.models import User
from apps.workspaces.people import create_workspace
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.artifact import read_facts
from einstein.ml.reader import read_frame
from einstein.ml.train import TrainRequest, train
home, customers = Path("{home}"), "{customers}"
if not (home / "model" / "manifest.json").exists():
    table, _ = read_frame(Path("{table}"))
    train(table[table["Churn"].notna()], TrainRequest("Churn", positive="Yes", ignore=["customerID"], trials=1, threads=1), home / "model")
facts, fingerprint = read_facts(home / "model"), storage.sha256_of(home / "model" / "manifest.json")
later = timezone.now() + timezone.timedelta(days=2)
plan = {{"schedule": "run", "hour": 8, "weekday": 0, "hold_percent": 0, "expires_days": 7}}
for number in range({companies}):
    owner = User.objects.create_user(f"owner{{number}}@fleet.example", None, name=f"Owner {{number}}")
    EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    workspace = create_workspace(f"Company {{number}}", owner)
    key = storage.key_for(workspace.id, "models", "one")
    storage.put_folder(home / "model", key)
    with workspace_scope(workspace.id):
        dataset = Dataset.objects.create(name="Customers", noun="customer", owner=owner, key_field="customerID")
        Source.objects.create(dataset=dataset, kind="url", settings={{"url": f"{{customers}}/{{number}}.csv"}}, pick={{"url": True}}, state="active", next_run_at=later)
        for one in range({each}):
            prediction = Prediction.objects.create(name=f"Churn {{number}}.{{one}}", dataset=dataset, outcome_kind="binary", outcome_field="Churn", positive="Yes",
                ignored_fields=["customerID"], fields_seen=True, owner=owner, score_mode="all", state="active", next_run_at=later)
            version = ModelVersion.objects.create(prediction=prediction, number=1, state="champion", storage_key=key, hash=fingerprint, facts=facts, enabled_at=timezone.now())
            Prediction.objects.filter(id=prediction.id).update(champion=version)
            hook = setup.connect(prediction, "webhook", {{"url": f"{{customers}}/hook/{{number}}/{{one}}", "events": ["scores.changed"]}}, {{"signing_secret": "whsec_YWJj"}}, owner)
            setup.plan(hook, plan | {{"name": "hook"}}, Which("changed"), owner)
        people = setup.connect(prediction, "email_list", {{"addresses": f"sales{{number}}@people.example", "count": 3, "band": "high"}}, {{}}, owner)
        setup.plan(people, plan | {{"name": "people"}}, Which(), owner)
"""
OPEN = """
SELECT (SELECT count(*) FROM runs_run WHERE state IN ('queued', 'dispatched', 'running')),
       (SELECT count(*) FROM datasets_source WHERE read_at IS NULL OR read_at < %(began)s),
       (SELECT count(*) FROM predictions_prediction p WHERE NOT EXISTS (SELECT 1 FROM scoring_scoringrun r WHERE r.prediction_id = p.id AND r.as_of >= %(began)s)),
       (SELECT count(*) FROM scoring_scoringrun r WHERE as_of >= %(began)s AND NOT EXISTS (SELECT 1 FROM monitoring_look l WHERE l.scoring_run_id = r.id)),
       (SELECT count(*) FROM outbox_sending WHERE state = 'waiting'), (SELECT count(*) FROM outbox_message WHERE state = 'pending'),
       (SELECT count(*) FROM monitoring_notice WHERE state = 'waiting' AND moment <> 'reminder'),
       (SELECT count(*) FROM monitoring_watch WHERE next_check_at <= now()),
       (SELECT count(*) FROM monitoring_watch w JOIN runs_run r ON r.kind = 'score' AND r.subject_id = w.prediction_id WHERE r.ended_at > coalesce(w.checked_at, '-infinity'))
"""
WAITING = [
    "UPDATE runs_run SET due_at = now() WHERE state = 'queued' AND outages > 0 AND due_at > now()",
    "UPDATE outbox_sending SET due_at = now() WHERE state = 'waiting' AND due_at > now() + interval '3 seconds'",
    # What a living clock has claimed it sends within a moment; what is due later than that waits for its next try.
    "UPDATE outbox_message SET due_at = now() WHERE state = 'pending' AND due_at > now() + interval '100 seconds'",
]
CLAIMED_BY_THE_DEAD = (
    "UPDATE outbox_message SET due_at = now() WHERE state = 'pending' AND due_at > now() + interval '3 seconds'"
)


class Fleet:
    """The companies of an installation and what they should have been told."""

    def __init__(self, installation: Installation, companies: int) -> None:
        self.installation, self.companies, self.night = installation, companies, 0
        self.began = None
        installation.run(FOUND.format(home=installation.var, customers=installation.customers.base, table=TELCO, companies=companies, each=EACH))  # fmt: skip

    def nightfall(self, broken: int | None = None) -> None:
        """New tables lie ready and every source is due; the feed of company `broken` has an amount a hundred times too large."""
        self.night += 1
        for company in range(self.companies):
            self.installation.customers.tables[f"/{company}.csv"] = self._table(company, company == broken)
        [[self.began]] = self.installation.sql("SELECT now()")
        self.installation.sql("UPDATE datasets_source SET next_run_at = now()")

    def _table(self, company: int, broken: bool) -> bytes:
        table = pd.read_csv(TELCO, dtype=str).head(RECORDS)
        table["MonthlyCharges"] = table["MonthlyCharges"].sample(frac=1, random_state=100 * company + self.night).to_numpy()  # fmt: skip
        if broken:
            table["MonthlyCharges"] = (table["MonthlyCharges"].astype(float) * 100).astype(str)
        out = io.StringIO()
        table.to_csv(out, index=False)
        return out.getvalue().encode()

    def morning(self, hurry: bool = True) -> None:
        """Wait until nothing is left to do; what waits for a later try is tried now.

        Mails that a killed clock had claimed too, with `hurry`: not where the living ones are so slow that theirs would be taken from them.
        """
        self._hurried = time.monotonic() if hurry else float("inf")
        wait_for(self._is_over, PATIENCE, "the night to be over")

    def _is_over(self) -> bool:
        if not any(self.open()):
            return True
        for statement in WAITING:
            self.installation.sql(statement)
        if time.monotonic() - self._hurried > 15:
            self._hurried = time.monotonic()
            self.installation.sql(CLAIMED_BY_THE_DEAD)
        return False

    def open(self) -> tuple:
        """How much of each kind is still to be done."""
        return self.installation.sql(OPEN, {"began": self.began})[0]

    def losses(self) -> list[str]:
        """What is lost, doubled or untrue after this night; in words."""
        return [*self._of_scores(), *self._of_runs(), *self._of_webhooks(), *self._of_mails()]

    def _of_scores(self) -> list[str]:
        rows = self.installation.sql(
            "SELECT p.id, (SELECT count(*) FROM scoring_scoringrun r WHERE r.prediction_id = p.id AND r.as_of >= %s), "
            "count(s.key), count(DISTINCT s.key) FROM predictions_prediction p LEFT JOIN scoring_score s ON s.prediction_id = p.id GROUP BY p.id", self.began,
        )  # fmt: skip
        return [f"prediction {one}: {runs} scoring runs, {scores} scores, {keys} records" for one, runs, scores, keys in rows if (runs, scores, keys) != (1, RECORDS, RECORDS)]  # fmt: skip

    def _of_runs(self) -> list[str]:
        wrong = self.installation.sql(
            "SELECT id, kind, state, attempts, error FROM runs_run WHERE created_at >= %s AND state <> 'succeeded'", self.began
        )  # fmt: skip
        doubled = self.installation.sql(
            "SELECT kind, subject_id, count(*) FROM runs_run WHERE created_at >= %s AND kind IN ('refresh', 'score') GROUP BY 1, 2 HAVING count(*) > 1", self.began,
        )  # fmt: skip
        return [f"run {one}" for one in [*wrong, *doubled]]

    def _of_webhooks(self) -> list[str]:
        """Each change of band once, and all of them: as many as the database says differ from the night before."""
        found = [f"{path} of run {run}: {key} told {count} times" for (path, run), told in self.installation.customers.records.items() for key, count in told.items() if count > 1]  # fmt: skip
        open_ones = self.installation.sql("SELECT id, state, expected, acknowledged FROM outbox_sending WHERE created_at >= %s AND (state <> 'arrived' OR expected <> acknowledged)", self.began)  # fmt: skip
        expected = self.installation.sql("SELECT sum(s.acknowledged) FROM outbox_sending s JOIN deliveries_delivery d ON d.id = s.destination_id WHERE s.created_at >= %s AND d.kind = 'webhook'", self.began)[0][0] or 0  # fmt: skip
        runs = {
            row[0] for row in self.installation.sql("SELECT id FROM scoring_scoringrun WHERE as_of >= %s", self.began)
        }
        told = sum(sum(each.values()) for (_, run), each in self.installation.customers.records.items() if run in runs)
        if told != expected:
            found.append(f"{told} records told to webhooks, {expected} said to have arrived")
        return [*found, *(f"sending {one}" for one in open_ones)]

    def _of_mails(self) -> list[str]:
        written = {row[0] for row in self.installation.sql("SELECT message_id FROM outbox_message WHERE created_at >= %s", self.began)}  # fmt: skip
        ids = Counter(identity for _, _, identity in self.installation.inbox.mails())
        twice = [f"a mail came {count} times: {one}" for one, count in ids.items() if count > 1]
        lost = [f"a mail never came: {one}" for one in written if ids[one] == 0]
        return twice + lost

    def alarms(self, company: int) -> list[str]:
        """The subjects of all mails to a company's owner so far."""
        return [subject for to, subject, _ in self.installation.inbox.mails() if to == f"owner{company}@fleet.example"]

    def nights_mails(self) -> Counter[str]:
        """How many lists each address got so far."""
        return Counter(to for to, _, _ in self.installation.inbox.mails() if to.endswith("@people.example"))
