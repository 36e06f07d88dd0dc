"""What real records of a real model look like to the watch of the app: quiet when they are as usual, loud and plain when they are not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.monitoring.models import Look, Memory, Watch
from apps.monitoring.observe import observe
from apps.monitoring.queries import looks_of
from apps.monitoring.watch import check_prediction
from apps.runs.models import Run
from tests.monitoring.conftest import check_and_tell, subjects


def open_customers(table, **changes):
    """Changes to the customers whose outcome is open: those that are scored."""
    there = table["Churn"] == ""
    for name, change in changes.items():
        table.loc[there, name] = table.loc[there, name].map(change)
    return table


def test_the_first_run_is_what_is_usual_and_every_field_the_model_uses_is_kept(scored):
    look, memory = Look.objects.get(), Memory.objects.get()
    assert (look.alarms, look.records, memory.learnt_from) == ([], 200, "scored")
    assert set(look.fields) == {field["name"] for field in scored.champion.facts["fields"]}
    assert set(memory.legend) == set(look.fields)
    assert 0 < look.scores["high"] < 1
    assert look.scores["metric"] == "auc"


def test_a_change_of_unit_is_named_with_its_numbers(scored, next_run):
    look = next_run(lambda table: open_customers(table, MonthlyCharges=lambda value: str(float(value) * 100)))
    said = {alarm["field"]: alarm for alarm in look.alarms}
    assert "about 100 times larger" in said["MonthlyCharges"]["message"]
    assert look.fields["MonthlyCharges"][5] > 1


def test_strange_scores_are_told_with_the_share_that_is_high(scored, next_run, settings):
    settings.GROUPING_SECONDS = 0
    alike = {
        "Contract": lambda value: "Month-to-month", "tenure": lambda value: "1", "InternetService": lambda value: "Fiber optic", "OnlineSecurity": lambda value: "No",
        "TechSupport": lambda value: "No", "PaymentMethod": lambda value: "Electronic check", "PaperlessBilling": lambda value: "Yes",
    }  # fmt: skip
    before = Look.objects.get().scores["high"]
    look = next_run(lambda table: open_customers(table, **alike))
    check_and_tell(scored)
    assert look.scores["high"] > before + 0.3
    assert subjects() == [f"Churn: {look.scores['high']:.0%} are in the High band instead of {before:.0%}"]


def test_the_same_records_with_a_few_changes_are_quiet(scored, next_run):
    for step in range(3):
        look = next_run(
            lambda table, step=step: open_customers(
                table, MonthlyCharges=lambda value: f"{float(value) + step / 10 + 0.05:.2f}"
            )
        )
        assert look.alarms == []
    assert list(Look.objects.order_by("id").values_list("number", flat=True)) == [1, 2, 3, 4]


def test_an_alarm_that_lasts_says_since_which_run(scored, next_run):
    since = []
    for step in range(3):
        look = next_run(
            lambda table, step=step: open_customers(table, MonthlyCharges=lambda value: str(float(value) * 100 + step))
        )
        since.append(next(alarm["since"] for alarm in look.alarms if alarm["field"] == "MonthlyCharges"))
    first = Look.objects.get(number=2)
    assert set(since) == {first.at.isoformat()}


def test_it_is_over_when_the_records_are_right_again(scored, next_run, settings):
    settings.GROUPING_SECONDS = 0
    next_run(lambda table: open_customers(table, Contract=lambda value: "Three years"))
    check_and_tell(scored)
    next_run(lambda table: open_customers(table, tenure=lambda value: str(int(value) + 1)))
    check_and_tell(scored)
    assert [subject.startswith("Over: ") for subject in subjects()] == [False, True]


def test_looking_twice_changes_nothing(scored, perform_runs):
    run = Run.objects.filter(kind="score").latest("id")
    before = Look.objects.values().get()
    Run.objects.filter(id=run.id).update(state="queued", lease=run.lease + 1)
    perform_runs()
    assert Look.objects.values().get() == before


def test_a_run_that_was_scored_but_not_looked_at_is_looked_at_by_the_next_worker(scored, perform_runs, monkeypatch):
    Look.objects.all().delete()
    Memory.objects.all().delete()
    run = Run.objects.filter(kind="score").latest("id")
    Run.objects.filter(id=run.id).update(state="queued", lease=run.lease + 1)
    perform_runs()
    assert Look.objects.get().records == 200


def test_a_memory_that_is_damaged_is_learnt_anew(scored, next_run):
    Memory.objects.update(state=b"torn")
    look = next_run(lambda table: open_customers(table, tenure=lambda value: str(int(value) + 1)))
    assert look.number == 1
    assert Memory.objects.get().state[:2] == b"PK"


def test_a_memory_that_cannot_be_opened_is_not_replaced(scored, next_run, monkeypatch):
    def refuse(memory):
        raise PermissionError("not allowed")

    before = Memory.objects.values_list("storage_key", "state").get()
    monkeypatch.setattr("apps.monitoring.observe.watch_of", refuse)
    with pytest.raises(AssertionError, match="Something went wrong on our side"):
        next_run(lambda table: open_customers(table, tenure=lambda value: str(int(value) + 1)))
    assert Memory.objects.values_list("storage_key", "state").get() == before


def test_what_differs_grossly_from_training_is_told_at_the_first_run(scored, next_run):
    Memory.objects.all().delete()
    look = next_run(
        lambda table: open_customers(table, MonthlyCharges=lambda value: "", tenure=lambda value: str(int(value) + 900))
    )
    assert {(alarm["check"], alarm["field"]) for alarm in look.alarms} >= {
        ("field_blank", "MonthlyCharges"),
        ("field_range", "tenure"),
    }


def test_learning_it_makes_it_usual(client, owner, workspace, scored, next_run, settings):
    settings.GROUPING_SECONDS = 0
    next_run(lambda table: open_customers(table, Contract=lambda value: "Three years"))
    check_and_tell(scored)
    client.force_login(owner)
    answer = client.post(f"/w/{workspace.slug}/predictions/{scored.id}/monitoring/learn/", follow=True)
    assert "From now on the newest run is what is usual" in answer.content.decode()
    check_and_tell(scored)
    assert Look.objects.order_by("-id").first().alarms == []
    assert subjects()[-1].startswith("Over: ")


def test_another_version_learns_its_own_usual(scored, perform_runs):
    version = scored.champion
    version.pk, version.number, version.state = None, 2, "candidate"
    version.save()
    from apps.predictions.train import enable

    enable(version, None)
    perform_runs()
    assert Memory.objects.get().version_id == version.id
    assert Look.objects.latest("id").number == 1


def test_the_checks_rest_on_the_newest_look(scored):
    scored = type(scored).objects.select_related("dataset", "champion").get(id=scored.id)
    found = check_prediction(scored)
    assert {kind: finding.failing for kind, finding in found.items() if finding.failing} == {}
    assert found["data_in_range"].sees == f"All {len(Look.objects.get().fields)} fields look as usual."
    assert Watch.objects.get().findings["scores_normal"]["failing"] is False


@pytest.mark.parametrize(
    "page",
    [
        "",
        "?period=730",
        "?period=nonsense",
        "fields/",
        "compare/",
        "compare/?a_from=2026-01-01&b_to=nonsense",
        "settings/",
    ],
)
def test_the_pages_show_what_the_watch_saw(client, owner, workspace, scored, next_run, page):
    next_run(lambda table: open_customers(table, tenure=lambda value: str(int(value) + 1)))
    client.force_login(owner)
    answer = client.get(f"/w/{workspace.slug}/predictions/{scored.id}/monitoring/{page}")
    assert answer.status_code == 200
    assert "tenure" in answer.content.decode() or page.startswith("compare")


def test_observing_nothing_is_no_fault(scored):
    class Nothing:
        workspace_id, subject_id = scored.workspace_id, 0

    before = list(Look.objects.values())
    observe(Nothing(), None)
    assert list(Look.objects.values()) == before


def test_the_monitoring_page_costs_the_same_however_long_the_history_is(
    client, owner, workspace, scored, django_assert_max_num_queries
):
    first = Look.objects.select_related("scoring_run").get()

    def past(days) -> None:
        for day in days:
            run = first.scoring_run
            copy = type(run).objects.create(
                prediction=scored, version=run.version, fingerprint=str(day), records=1, scored=1, history_key="none", bands=run.bands, as_of=run.as_of - timedelta(days=day)
            )  # fmt: skip
            Look.objects.create(
                prediction=scored,
                scoring_run=copy,
                number=day,
                records=1,
                fields=first.fields,
                scores=first.scores,
                at=copy.as_of,
            )

    def cost(page: str) -> int:
        with django_assert_max_num_queries(80) as asked:
            assert client.get(f"/w/{workspace.slug}/predictions/{scored.id}/monitoring/{page}").status_code == 200
        return len(asked)

    client.force_login(owner)
    pages = ["", "?period=730", "fields/", "compare/", "settings/"]
    past([1, 2, 45])
    for page in pages:
        cost(page)
    few = [cost(page) for page in pages]
    past(day for day in range(3, 100) if day != 45)
    assert [cost(page) for page in pages] == few


def test_a_long_history_is_thinned_out_and_keeps_the_newest(scored):
    first = Look.objects.select_related("scoring_run").get()
    run = first.scoring_run
    for day in range(1, 150):
        copy = type(run).objects.create(prediction=scored, version=run.version, fingerprint=str(day), records=1, scored=1, history_key="none", as_of=run.as_of - timedelta(days=day))  # fmt: skip
        Look.objects.create(prediction=scored, scoring_run=copy, number=day, records=1, at=copy.as_of)
    shown, there = looks_of(scored, 730)
    assert (len(shown), there, shown[-1].id) == (50, 150, first.id)
    assert [look.at for look in shown] == sorted(look.at for look in shown)
