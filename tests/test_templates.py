"""Ready-made predictions: parts found by name and content, the recommended outcome, a sample to try, words for scores."""

from __future__ import annotations

import re

import pytest

from apps.datasets.models import Dataset, Field
from apps.predictions.models import Prediction
from apps.predictions.parts import suggested_parts
from apps.predictions.templates_catalog import registry

KINDS = [
    "customer_churn",
    "lead_scoring",
    "late_payment",
    "employee_attrition",
    "case_escalation",
    "deal_size",
    "next_best_product",
    "item_demand",
]
# Fields as other systems name them: (template, {field: (type, distinct of 1,000, first values)}, {part: field}).
TABLES = [
    ("customer_churn", {"customerID": ("id", 1000, []), "gender": ("category", 2, ["Male", "Female"]), "tenure": ("number", 72, []), "Contract": ("category", 3, ["Monthly"]),
                        "MonthlyCharges": ("money", 600, []), "Churn": ("yes_no", 2, ["No", "Yes"])},
     {"who": "customerID", "outcome": "Churn"}),
    ("lead_scoring", {"Id": ("id", 1000, []), "Email": ("email", 990, []), "LeadSource": ("category", 5, ["Web"]), "Status": ("category", 4, ["Open", "Converted"]),
                      "IsConverted": ("yes_no", 2, ["false", "true"]), "CreatedDate": ("date", 800, []), "NumberOfEmployees": ("number", 300, []), "Owner.Email": ("email", 5, [])},
     {"who": "Email", "outcome": "IsConverted", "started": "CreatedDate", "owner": "Owner.Email"}),
    ("late_payment", {"Invoice Number": ("id", 1000, []), "Invoice Date": ("date", 400, []), "Due Date": ("date", 400, []), "Total": ("money", 950, []),
                      "Days Overdue": ("number", 60, []), "Customer": ("category", 90, [])},
     {"who": "Invoice Number", "outcome": "Days Overdue", "started": "Invoice Date"}),
    ("employee_attrition", {"EmployeeNumber": ("id", 1000, []), "Attrition": ("yes_no", 2, ["No", "Yes"]), "MonthlyIncome": ("money", 900, []), "Age": ("number", 40, []),
                            "YearsAtCompany": ("number", 30, [])},
     {"who": "EmployeeNumber", "outcome": "Attrition"}),
    ("case_escalation", {"CaseNumber": ("id", 1000, []), "IsEscalated": ("yes_no", 2, ["false", "true"]), "Status": ("category", 3, ["Closed"]), "CreatedDate": ("date", 900, []),
                         "Assignee": ("category", 9, ["Ben"])},
     {"who": "CaseNumber", "outcome": "IsEscalated", "started": "CreatedDate", "owner": "Assignee"}),
    ("deal_size", {"Opportunity ID": ("id", 1000, []), "Amount": ("money", 700, []), "Created Date": ("date", 300, []), "Product": ("category", 6, ["A"]), "Probability": ("percent", 10, [])},
     {"who": "Opportunity ID", "outcome": "Amount", "started": "Created Date"}),
    ("item_demand", {"Date": ("date", 170, []), "AveragePrice": ("money", 200, []), "Total Volume": ("number", 990, []), "type": ("category", 2, []), "region": ("category", 54, [])},
     {"outcome": "Total Volume", "started": "Date"}),
]  # fmt: skip


def fields_of(table: dict[str, tuple]) -> list[Field]:
    return [
        Field(name=name, detected_type=kind, position=place, profile={"rows": 1000, "filled": 1000, "distinct": distinct, "top": [[value, 10] for value in values]})
        for place, (name, (kind, distinct, values)) in enumerate(table.items())
    ]  # fmt: skip


def test_the_eight_templates_are_found_by_their_files():
    assert sorted(registry()) == sorted(KINDS)


@pytest.mark.parametrize(("kind", "table", "parts"), TABLES)
def test_parts_are_found_in_tables_as_other_systems_make_them(kind, table, parts):
    assert suggested_parts(registry()[kind], fields_of(table)) == parts


def test_nothing_is_suggested_where_nothing_fits():
    table = {"Station": ("category", 9, ["S1"]), "Rain": ("number", 50, []), "Wind": ("number", 40, [])}
    assert suggested_parts(registry()["customer_churn"], fields_of(table)) == {}


@pytest.fixture
def begin(client, owner, workspace):
    """Start a draft from a template as a person does."""
    client.force_login(owner)

    def go(kind: str) -> str:
        made = client.post(f"/w/{workspace.slug}/predictions/new/", {"template": kind})
        question = made["Location"]
        assert registry()[kind].questions[0] in client.get(question).content.decode()
        return question.removesuffix("question/")

    return go


def selected(page: str, name: str) -> str:
    part = page.split(f'name="{name}"')[1].split("</select>")[0]
    found = re.search(r'<option value="([^"]*)" selected', part)
    return found[1] if found else ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_is_tried_from_the_question_to_what_it_would_learn_from(kind, begin, client, inside, perform_runs):
    wizard, template = begin(kind), registry()[kind]
    client.post(f"{wizard}question/", {"name": template.title, "question": template.questions[0]})
    tried = client.post(f"{wizard}data/", {"action": "sample"})
    assert "Reading the records" in client.get(tried["Location"]).content.decode()
    perform_runs()
    prediction = Prediction.objects.get()
    shown = client.get(f"{wizard}data/").content.decode()
    assert "Which field is what?" in shown
    answers = {f"part_{part.name}": selected(shown, f"part_{part.name}") for part in template.parts}
    assert answers["part_outcome"] and answers["part_who"], answers
    went_on = client.post(
        f"{wizard}data/", {"dataset": prediction.dataset_id, "parts": prediction.dataset_id, **answers}
    )
    assert went_on["Location"].endswith("/outcome/"), went_on.content.decode()
    prediction.refresh_from_db()
    assert prediction.task == template.outcome.kind
    assert prediction.dataset.key_field == answers["part_who"]
    if template.outcome.kind == "binary" and prediction.outcome_kind != "rule":
        assert prediction.positive.lower() in template.outcome.positives
    outcome = {"field": prediction.outcome_field, "kind": prediction.outcome_kind, "positive": prediction.positive,
               "rule_field": [prediction.rule.get("field", "")], "rule_op": [prediction.rule.get("op", "")], "rule_value": [prediction.rule.get("value", "")]}  # fmt: skip
    assert client.post(f"{wizard}outcome/", outcome)["Location"].endswith("/records/")
    records = client.get(f"{wizard}records/").content.decode()
    assert f"Score {template.sample().isna().any(axis=1).sum():,}" in re.sub(r"<[^>]+>", "", records)
    fields = client.get(f"{wizard}fields/").content.decode()
    assert "What may it learn from?" in fields


def test_a_number_becomes_a_yes_by_the_recommended_rule(begin, client, inside, perform_runs):
    wizard = begin("late_payment")
    client.post(f"{wizard}data/", {"action": "sample"})
    perform_runs()
    number = Dataset.objects.get().id
    answers = {"dataset": number, "parts": number, "part_outcome": "days_late"}
    assert client.post(f"{wizard}data/", answers).status_code == 302
    prediction = Prediction.objects.get()
    assert (prediction.outcome_kind, prediction.rule) == ("rule", {"field": "days_late", "op": "more", "value": "7"})


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"part_outcome": ""}, "Pick the field for: what became of them."),
        ({"part_outcome": "no such field"}, "Pick the field for: what became of them."),
        ({"part_outcome": "left", "part_who": "left"}, "left plays two parts."),
    ],
)
def test_parts_that_cannot_work_are_said(begin, client, inside, perform_runs, answers, words):
    wizard = begin("customer_churn")
    client.post(f"{wizard}data/", {"action": "sample"})
    perform_runs()
    number = Dataset.objects.get().id
    shown = client.post(f"{wizard}data/", {"dataset": number, "parts": number, **answers})
    assert shown.status_code == 200
    assert words in shown.content.decode()


def test_an_unknown_template_begins_an_own_question(client, owner, workspace, inside):
    client.force_login(owner)
    client.post(f"/w/{workspace.slug}/predictions/new/", {"template": "../../etc"})
    assert Prediction.objects.get().template == ""


def test_scores_are_called_as_the_template_says_while_they_mean_that(scored, client, owner, workspace):
    client.force_login(owner)
    page = f"/w/{workspace.slug}/predictions/{scored.id}/scores/"
    assert ">Score</th>" in client.get(page).content.decode()
    Prediction.objects.filter(id=scored.id).update(template="customer_churn", parts={"outcome": "Churn"})
    shown = client.get(page).content.decode()
    assert ">Chance of leaving</th>" in shown
    record = re.search(r'class="cell-link" href="([^"]+)"', shown)[1]
    assert "Likely to leave" in client.get(record).content.decode()
    for other in ({"positive": "No"}, {"parts": {"outcome": "Contract"}}, {"outcome_kind": "multiclass"}):
        Prediction.objects.filter(id=scored.id).update(
            **{"positive": "Yes", "parts": {"outcome": "Churn"}, "outcome_kind": "binary"} | other
        )
        assert ">Score</th>" in client.get(page).content.decode(), other


def test_a_field_that_is_filled_afterwards_by_its_name_comes_unticked(client, owner, workspace, inside, dataset):
    from apps.predictions.wizard_screens import fields_screen

    draft = Prediction.objects.create(name="P", dataset=dataset, template="customer_churn", parts={"outcome": "Churn"}, outcome_kind="binary",
                                      outcome_field="Churn", positive="Yes", owner=owner)  # fmt: skip
    Field.objects.filter(dataset=dataset, name="Contract").update(name="Churn Reason")
    rows = {row["field"].name: row for row in fields_screen(draft)["rows"]}
    assert rows["Churn Reason"]["used"] is False
    assert "only once the outcome is known" in rows["Churn Reason"]["finding"].reason
    assert rows["tenure"]["used"] is True


def test_looking_at_another_dataset_changes_nothing_of_it(begin, client, inside, perform_runs, dataset):
    wizard = begin("customer_churn")
    client.post(f"{wizard}data/", {"action": "sample"})
    perform_runs()
    Dataset.objects.filter(id=dataset.id).update(key_field="", noun="record")
    sample = Prediction.objects.get().dataset_id
    client.get(
        f"{wizard}data/", {"dataset": dataset.id, "parts": sample, "part_outcome": "Churn", "part_who": "customerID"}
    )
    client.get(
        f"{wizard}data/",
        {"dataset": dataset.id, "parts": dataset.id, "part_outcome": "Churn", "part_who": "customerID"},
    )
    dataset.refresh_from_db()
    assert (dataset.key_field, dataset.noun) == ("", "record")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("customer_churn", "renewed"), ("lead_scoring", "unsubscribed"), ("employee_attrition", "lefthanded")],
)
def test_a_field_that_says_the_opposite_is_not_taken_for_the_outcome(kind, name):
    fields = fields_of({"id": ("id", 1000, []), name: ("yes_no", 2, ["Yes", "No"])})
    assert "outcome" not in suggested_parts(registry()[kind], fields)
