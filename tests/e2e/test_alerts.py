"""Faults of the data and of the scores in the running product: one e-mail each at a real SMTP server, and one when it is over."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import DATA
from tests.e2e.stack import make_prediction, run_python, start_training, wait_for

CHECK_SECONDS = 5
SLACK = 30  # reading, scoring and one SMTP delivery on a busy machine
UPLOAD = """
from pathlib import Path
from apps.workspaces.scope import workspace_scope
from apps.datasets.models import Dataset
from apps.datasets.upload import receive_path
with workspace_scope({workspace}):
    receive_path(Path("{file}"), "newer.csv", None, Dataset.objects.get(id={dataset}))
"""


@pytest.fixture(scope="module")
def watched(stack):
    """A prediction that is trained, scored and watched."""
    workspace, slug, dataset, prediction = make_prediction(stack, "watched", DATA / "telco_small.csv")
    start_training(stack, workspace, prediction)
    wait_for(
        lambda: stack.sql("SELECT 1 FROM monitoring_watch WHERE prediction_id = %s AND findings <> '{}'", prediction),
        120,
        "the first checks",
    )
    return workspace, dataset, prediction


def upload(stack, watched, file: Path) -> None:
    workspace, dataset, _ = watched
    run_python(stack, UPLOAD.format(workspace=workspace, dataset=dataset, file=file))


def mails(stack, words: str) -> list[str]:
    return [subject for subject in stack.inbox.subjects() if "Churn watched" in subject and words in subject]


def expect_one_mail_and_one_when_over(stack, words: str, mend) -> None:
    wait_for(
        lambda: mails(stack, words),
        3 * CHECK_SECONDS + SLACK,
        f"an e-mail about {words!r}; there are {stack.inbox.subjects()}",
    )
    time.sleep(2 * CHECK_SECONDS)
    assert len(mails(stack, words)) == 1
    mend()
    wait_for(
        lambda: len(mails(stack, words)) == 2,
        60,
        f"the e-mail that says it is over; there are {stack.inbox.subjects()}",
    )
    time.sleep(2 * CHECK_SECONDS)
    assert [subject.startswith("Over: ") for subject in mails(stack, words)] == [False, True]


def changed(tmp_path: Path, change) -> Path:
    rows = list(csv.DictReader((DATA / "telco_small.csv").open()))
    for row in rows:
        change(row)
    file = tmp_path / "newer.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_data_out_of_range_brings_one_mail_and_one_when_it_is_mended(stack, watched, tmp_path):
    file = changed(
        tmp_path,
        lambda row: row.update(
            MonthlyCharges=str(float(row["MonthlyCharges"]) + 200) if not row["Churn"] else row["MonthlyCharges"]
        ),
    )
    upload(stack, watched, file)
    expect_one_mail_and_one_when_over(
        stack, "MonthlyCharges is out of range", lambda: upload(stack, watched, DATA / "telco_small.csv")
    )


def test_strange_scores_bring_one_mail_and_one_when_it_is_mended(stack, watched, tmp_path):
    def change(row: dict) -> None:
        if not row["Churn"]:
            row.update(Contract="Month-to-month", tenure="1", InternetService="Fiber optic", OnlineSecurity="No", TechSupport="No",
                       PaymentMethod="Electronic check", PaperlessBilling="Yes", TotalCharges=row["MonthlyCharges"])  # fmt: skip

    upload(stack, watched, changed(tmp_path, change))
    expect_one_mail_and_one_when_over(
        stack, "are in the High band instead of", lambda: upload(stack, watched, DATA / "telco_small.csv")
    )


def test_the_mail_says_what_happened_why_what_it_affects_and_what_to_do(stack, watched):
    text = next(
        text
        for _, text in stack.inbox.messages
        if "Churn watched: MonthlyCharges is out of range" in text.replace("\r\n ", " ")
    )
    for heading in ("WHAT HAPPENED", "LIKELY WHY", "WHAT TO DO", "/alerts/"):
        assert heading in text
