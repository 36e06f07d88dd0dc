"""Related records become fields: counted over time windows, never beyond the reference date, offered by themselves, made anew by themselves."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.datasets.enrich import make_enriched, remake, set_joins
from apps.datasets.joins import EVER, Join, Side, write_enriched
from apps.datasets.models import Dataset, Enrichment, Field, HeldTable, Snapshot
from apps.datasets.records import load, newest_snapshot
from apps.datasets.relations import relations_of
from apps.datasets.upload import receive_path
from apps.pipeline.tasks import perform
from apps.predictions.models import Prediction
from apps.runs.models import Run
from apps.workspaces.api_keys import create_key
from einstein.ml.schema import detect

DAY = date(2026, 6, 1)


def customers(count: int = 60) -> list[dict[str, str]]:
    return [
        {"customer_id": f"C{n:03d}", "plan": ["Basic", "Pro"][n % 2], "decided": (DAY + timedelta(days=n % 30)).isoformat(), "left": ["no", "yes"][n % 3 == 0]}
        for n in range(count)
    ]  # fmt: skip


def orders(count: int = 60) -> list[dict[str, str]]:
    """Customer n has n % 4 orders, 10, 60 and 200 days before her decision, and each one more the day after it."""
    found = []
    for n in range(count):
        decided = DAY + timedelta(days=n % 30)
        days = [10, 60, 200][: n % 4] + [-1]
        found += [
            {"order": f"O{n}-{d}", "customer": f" C{n:03d}", "ordered_on": (decided - timedelta(days=d)).strftime("%d.%m.%Y"), "amount": f"{100 + d},50 €",
             "status": ["paid", "open", "back"][k]}
            for k, d in enumerate(days[:-1])
        ] + [{"order": f"O{n}-late", "customer": f"C{n:03d}", "ordered_on": (decided + timedelta(days=1)).strftime("%d.%m.%Y"), "amount": "9.999,00 €", "status": "open"}]  # fmt: skip
    return found


def side(rows: list[dict[str, str | None]], types: dict[str, str]) -> Side:
    """A table in memory with the types of its fields."""
    specs = {
        name: detect(name, pd.Series([row[name] for row in rows], dtype="object"), kind) for name, kind in types.items()
    }
    schema = pa.schema([(name, pa.string()) for name in specs])
    batch = pa.RecordBatch.from_pylist(rows, schema)

    @contextmanager
    def batches(wanted: list[str]):
        yield iter([batch.select(wanted)])

    return Side(list(specs), specs, len(rows), batches)


@pytest.fixture
def base(upload, inside):
    return upload("customers.csv", customers())


@pytest.fixture
def related(upload, inside):
    return upload("orders.csv", orders())


@pytest.fixture
def upload(owner, inside, perform_runs, tmp_path):
    def send(name: str, rows: list[dict[str, str]], dataset: Dataset | None = None) -> Dataset:
        pd.DataFrame(rows).to_csv(tmp_path / name, index=False)
        made, _ = receive_path(tmp_path / name, name, owner, dataset)
        perform_runs()
        made.refresh_from_db()
        return made

    return send


def join_of(related: Dataset, **changes) -> Join:
    facts = {"label": "Orders", "key": "customer_id", "link": "customer", "moment": "ordered_on", "windows": [90, EVER], "sums": ["amount"], "means": ["amount"],
             "latest": ["status"]}  # fmt: skip
    return Join(related.id, **facts | changes)


def do(run: Run) -> None:
    """Do one Run as a worker would, however it ends."""
    Run.objects.filter(id=run.id).update(state="dispatched")
    perform(run.workspace_id, run.id)
    run.refresh_from_db()


def table_of(dataset: Dataset) -> pd.DataFrame:
    return load(newest_snapshot(dataset)).set_index("customer_id")


def test_related_records_are_counted_summed_and_dated_before_the_day_of_interest_only(
    base, related, owner, perform_runs
):
    made = make_enriched(base, [join_of(related)], "decided", owner)
    perform_runs()
    table = table_of(made.dataset)
    assert len(table) == 60
    assert table.loc["C003"].to_dict() == {
        "plan": "Pro", "decided": "2026-06-04", "left": "yes", "Orders: how many, 90 days": "2", "Orders: sum of amount, 90 days": "271",
        "Orders: average amount, 90 days": "135.5", "Orders: how many, so far": "3", "Orders: sum of amount, so far": "571.5",
        "Orders: average amount, so far": "190.5", "Orders: days since the last": "10", "Orders: latest status": "paid",
    }  # fmt: skip
    none = table.loc["C000"]
    assert none["Orders: how many, so far"] == none["Orders: sum of amount, 90 days"] == "0"
    assert none[["Orders: average amount, so far", "Orders: days since the last", "Orders: latest status"]].isna().all()
    assert not table["Orders: sum of amount, so far"].astype(float).gt(9000).any(), (
        "an order after the decision was counted"
    )


def test_decisions_about_the_base_hold_for_what_is_made_of_it(base, related, owner, perform_runs):
    Field.objects.filter(dataset=base, name="plan").update(chosen_type="text")
    made = make_enriched(base, [join_of(related)], "decided", owner)
    perform_runs()
    assert made.dataset.key_field == "customer_id"
    assert Field.objects.get(dataset=made.dataset, name="plan").chosen_type == "text"
    assert Field.objects.get(dataset=made.dataset, name="Orders: how many, so far").type in {"number", "quantity"}
    assert Snapshot.objects.get(dataset=made.dataset).origin == "Customers with Orders"


def test_newer_records_on_either_side_make_it_anew_and_score_what_stands_on_it(
    base, related, owner, upload, perform_runs, inside
):
    made = make_enriched(base, [join_of(related)], "", owner)
    perform_runs()
    assert table_of(made.dataset).loc["C000", "Orders: how many, so far"] == "1"
    upload("orders.csv", [*orders(), orders()[0] | {"order": "new", "customer": "C000"}], related)
    assert table_of(made.dataset).loc["C000", "Orders: how many, so far"] == "2"
    upload("customers.csv", customers(61), base)
    assert newest_snapshot(made.dataset).rows == 61
    assert Run.objects.filter(kind="enrich").exclude(state="succeeded").count() == 0


def test_nothing_new_makes_no_snapshot(base, related, owner, perform_runs):
    made = make_enriched(base, [join_of(related)], "decided", owner)
    perform_runs()
    run = remake(made.dataset_id)
    perform_runs()
    run.refresh_from_db()
    assert run.outcome["result"] == "unchanged"
    assert Snapshot.objects.filter(dataset=made.dataset).count() == 1


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.integers(-200, 200), st.one_of(st.none(), st.integers(-50, 50))), max_size=40
    ),
    days=st.sampled_from([30, 90, 365, EVER]),
)
def test_windows_agree_with_a_plain_loop(rows, days, tmp_path_factory):
    folder = tmp_path_factory.mktemp("join")
    base = side([{"id": str(n), "day": DAY.isoformat()} for n in range(5)], {"id": "id", "day": "date"})
    told = [
        {"of": str(n), "at": (DAY + timedelta(days=d)).isoformat(), "x": None if v is None else str(v)}
        for n, d, v in rows
    ]
    other = side(told, {"of": "id", "at": "date", "x": "number"})
    join = Join(1, "R", "id", "of", "at", [days], sums=["x"], means=["x"], latest=["x"])
    names = write_enriched(
        base, [(join, other)], "day", datetime(2026, 1, 1), folder / "t.parquet", lambda done, total: None
    )
    table = pd.read_parquet(folder / "t.parquet")
    assert list(table.columns) == names
    for n in range(5):
        before = sorted(((d, k, v) for k, (m, d, v) in enumerate(rows) if m == n and d < 0))
        inside = [v for d, _, v in before if days == EVER or d >= -days]
        known = [v for v in inside if v is not None]
        row = table.iloc[n]
        assert int(row.iloc[2]) == len(inside)
        assert float(row.iloc[3]) == sum(known)
        assert pd.isna(row.iloc[4]) == (not known)
        if known:
            assert float(row.iloc[4]) == pytest.approx(sum(known) / len(known), abs=1e-5)
        assert (None if pd.isna(row.iloc[5]) else row.iloc[5]) == (str(-before[-1][0]) if before else None)
        latest = [v for *_, v in before if v is not None]
        assert (None if pd.isna(row.iloc[6]) else row.iloc[6]) == (str(latest[-1]) if latest else None)


def test_a_sensible_join_is_found_by_name_and_content(base, related):
    found = relations_of(base)
    assert [each.dataset.id for each in found] == [related.id]
    assert found[0].share == 1.0
    assert found[0].join == Join(
        related.id, "Orders", "customer_id", "customer", "ordered_on", [90], sums=["amount"], latest=["status"]
    )
    assert found[0].reference_field == "decided"


def test_unrelated_datasets_are_not_offered(base, upload):
    upload(
        "weather.csv", [{"station": f"S{n}", "day": f"2026-01-{1 + n % 28:02d}", "rain": str(n % 7)} for n in range(80)]
    )
    assert relations_of(base) == []


def test_the_wizard_offers_related_records_and_makes_the_dataset_in_one_step(
    base, related, client, owner, workspace, perform_runs
):
    client.force_login(owner)
    draft = Prediction.objects.create(name="Leaving", owner=owner, dataset=base, steps_done=["question"])
    page = f"/w/{workspace.slug}/predictions/{draft.id}/wizard/data/"
    shown = client.get(page).content.decode()
    assert "Add what other datasets tell of each" in shown
    assert (
        "How many, sum of amount, days since the last, latest status; found by customer, counted up to the decided"
        in shown
    )
    answer = client.post(page, {"dataset": base.id, "join": [related.id]})
    assert answer.status_code == 302
    waiting = client.get(answer["Location"]).content.decode()
    assert "Reading the records" in waiting
    perform_runs()
    draft.refresh_from_db()
    assert draft.dataset.name == "Customers with Orders"
    assert "Related records are in" in client.get(answer["Location"]).content.decode()
    went_on = client.post(page, {"dataset": draft.dataset_id})
    assert went_on["Location"].endswith("/wizard/outcome/")


def test_a_join_is_made_changed_and_taken_out_by_clicks(base, related, upload, client, owner, workspace, perform_runs):
    client.force_login(owner)
    start = f"/w/{workspace.slug}/datasets/{base.id}"
    assert "Add related records" in client.get(f"{start}/").content.decode()
    assert "100% of its records name a" in client.get(f"{start}/related/").content.decode()
    form = client.get(f"{start}/related/{related.id}/").content.decode()
    assert 'value="amount" aria-label="Sum of amount" checked' in form
    answers = {
        "link": "customer",
        "moment": "ordered_on",
        "reference": "decided",
        "windows": [90],
        "count": "on",
        "sums": ["amount"],
    }
    made = client.post(f"{start}/related/{related.id}/", answers)
    perform_runs()
    dataset = Enrichment.objects.get().dataset
    assert made["Location"].endswith(f"/datasets/{dataset.id}/")
    assert "Customers with Orders" in client.get(made["Location"]).content.decode()
    source = client.get(f"/w/{workspace.slug}/datasets/{dataset.id}/source/").content.decode()
    assert "Made from other datasets" in source and "found by customer, dated by ordered_on" in source

    again = f"/w/{workspace.slug}/datasets/{dataset.id}/related"
    client.post(f"{again}/{related.id}/", answers | {"windows": [30], "since_last": "on"})
    perform_runs()
    assert "Orders: days since the last" in newest_snapshot(dataset).field_names
    client.post(f"{again}/{related.id}/remove/")
    assert len(Enrichment.objects.get().joins) == 1, "the last one stays"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"link": "nothing"}, "Select a valid choice"),
        ({"moment": "amount"}, "Select a valid choice"),
        ({"windows": []}, "This field is required"),
        ({"windows": ["7"]}, "Select a valid choice"),
        ({"count": "", "sums": []}, "Tick at least one thing"),
        ({"sums": ["status"]}, "Select a valid choice"),
        ({"reference": "plan"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_joined_is_said(base, related, client, owner, workspace, changes, words):
    client.force_login(owner)
    answers = {
        "link": "customer",
        "moment": "ordered_on",
        "reference": "",
        "windows": ["90"],
        "count": "on",
        "sums": ["amount"],
    }
    answer = client.post(f"/w/{workspace.slug}/datasets/{base.id}/related/{related.id}/", answers | changes)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not Enrichment.objects.exists()


def test_what_was_lost_is_named(base, related, owner, perform_runs):
    made = make_enriched(base, [join_of(related)], "decided", owner)
    perform_runs()
    Dataset.objects.filter(id=related.id).update(state="deleted")
    run = remake(made.dataset_id)
    do(run)
    assert (run.state, run.error) == ("failed", "Orders was deleted.")
    assert newest_snapshot(made.dataset).rows == 60, "the last good records stay in use"


def test_files_and_pushes_go_to_the_base_not_to_what_is_made(base, related, owner, client, workspace, perform_runs):
    made = make_enriched(base, [join_of(related)], "", owner)
    perform_runs()
    client.force_login(owner)
    refused = client.post(f"/w/{workspace.slug}/datasets/{made.dataset_id}/upload/")
    assert refused.status_code == 400
    assert "Upload the file to Customers instead" in refused.json()["error"]
    _, plain = create_key(owner, "CRM", "send")
    sent = client.post(
        f"/api/v1/datasets/{made.dataset_id}/records", {"records": [{"customer_id": "C001"}]}, content_type="application/json", headers={"Authorization": f"Bearer {plain}"}
    )  # fmt: skip
    assert sent.status_code == 409
    assert "Send the records to Customers" in sent.json()["detail"]


def test_a_dataset_of_another_workspace_does_not_exist(base, related, client, stranger, elsewhere):
    client.force_login(stranger)
    for path in (f"{base.id}/related/", f"{base.id}/related/{related.id}/"):
        assert client.get(f"/w/{elsewhere.slug}/datasets/{path}").status_code == 404


def test_names_that_look_like_code_are_names(upload, owner, perform_runs):
    nasty = ['k"ey; DROP TABLE base', "o'f", "a{}mount\\ %s", "d\u200bate -- x"]
    base = upload("base.csv", [{nasty[0]: f"C{n:03d}", "plan": "x"} for n in range(30)])
    rows = [{"id": f"o{n}", nasty[1]: f"C{n % 30:03d}", nasty[2]: str(n), nasty[3]: "2026-01-05"} for n in range(60)]
    other = upload("o'rd\"ers.csv", rows)
    names = newest_snapshot(other).field_names
    key = newest_snapshot(base).field_names[0]
    Dataset.objects.filter(id=base.id).update(key_field=key)
    base.refresh_from_db()
    join = Join(other.id, "o'rd\"ers", key, names[1], names[3], [EVER], sums=[names[2]], latest=[names[2]])
    made = make_enriched(base, [join], "", owner)
    perform_runs()
    table = load(newest_snapshot(made.dataset)).set_index(key)
    assert table.loc["C004", f"o'rd\"ers: sum of {names[2]}, so far"] == "38"
    assert table.loc["C004", f"o'rd\"ers: latest {names[2]}"] == "34"


def test_a_day_without_a_clock_time_counts_as_after_a_moment_of_that_day(upload, owner, perform_runs):
    base = upload(
        "leads.csv", [{"id": f"L{n:03d}", "created": f"2026-01-{5 + n % 20:02d} 10:00:00"} for n in range(40)]
    )
    rows = [{"no": f"A{n}", "lead": f"L{n:03d}", "on": f"2026-01-{5 + n % 20:02d}"} for n in range(40)]
    other = upload("calls.csv", rows + [row | {"no": row["no"] + "b", "on": "2026-01-02"} for row in rows])
    made = make_enriched(base, [Join(other.id, "Calls", "id", "lead", "on", [EVER])], "created", owner)
    perform_runs()
    assert set(load(newest_snapshot(made.dataset))["Calls: how many, so far"]) == {"1"}


def test_a_date_that_only_settled_records_have_is_not_proposed_to_look_back_from(upload):
    base = upload(
        "deals.csv",
        [{"id": f"D{n:03d}", "created": "2026-01-01", "closed": "2026-06-01" if n % 4 else ""} for n in range(200)],
    )
    upload(
        "visits.csv", [{"no": f"V{n}", "deal": f"D{n % 200:03d}", "on": f"2026-0{2 + n % 3}-15"} for n in range(600)]
    )
    (found,) = relations_of(base)
    assert found.reference_field == ""


def test_a_join_that_is_changed_makes_other_fields_and_is_not_held(base, related, owner, perform_runs):
    made = make_enriched(base, [join_of(related, windows=[90])], "decided", owner)
    perform_runs()
    set_joins(made, [join_of(related, windows=[365])], "decided", owner)
    perform_runs()
    names = newest_snapshot(made.dataset).field_names
    assert "Orders: how many, 1 year" in names
    assert "Orders: how many, 90 days" not in names
    made.dataset.refresh_from_db()
    assert made.dataset.aliases == {}


def test_what_comes_while_it_is_being_made_is_in_it_in_the_end(base, related, owner, upload, perform_runs, monkeypatch):
    from apps.datasets import enrich

    made = make_enriched(base, [join_of(related)], "", owner)
    original, came = enrich.write_enriched, []

    def slow(*args):
        found = original(*args)
        if not came:
            came.append(True)
            file = pd.DataFrame([*orders(), orders()[0] | {"order": "new", "customer": "C000"}])
            path = args[4].parent / "orders.csv"
            file.to_csv(path, index=False)
            _, run = receive_path(path, "orders.csv", owner, related)
            do(run)
        return found

    monkeypatch.setattr(enrich, "write_enriched", slow)
    perform_runs()
    assert table_of(made.dataset).loc["C000", "Orders: how many, so far"] == "2"


def test_a_worker_that_dies_between_keeping_and_telling_leaves_nothing_old(
    base, related, owner, upload, perform_runs, monkeypatch
):
    from apps.pipeline import story

    made = make_enriched(base, [join_of(related)], "", owner)
    perform_runs()
    told = story.remake_followers
    monkeypatch.setattr(story, "remake_followers", lambda dataset_id: None)
    upload("orders.csv", [*orders(), orders()[0] | {"order": "new", "customer": "C000"}], related)
    assert table_of(made.dataset).loc["C000", "Orders: how many, so far"] == "1"
    monkeypatch.setattr(story, "remake_followers", told)
    run = Run.objects.filter(kind="ingest").latest("id")  # taken up again, as after a lease that ended
    do(run)
    perform_runs()
    assert table_of(made.dataset).loc["C000", "Orders: how many, so far"] == "2"


def test_a_making_that_fails_is_tried_again(base, related, owner, perform_runs):
    made = make_enriched(base, [join_of(related)], "decided", owner)
    perform_runs()
    Dataset.objects.filter(id=related.id).update(state="deleted")
    run = remake(made.dataset_id)
    do(run)
    again = Run.objects.get(kind="enrich", state="queued")
    assert again.params == {"tries": 1}
    assert 4 < (again.due_at - run.created_at).total_seconds() / 60 < 7


def test_a_related_field_that_a_prediction_stands_on_is_missed_when_it_goes(base, related, owner, upload, perform_runs):
    made = make_enriched(base, [join_of(related)], "decided", owner)
    perform_runs()
    Prediction.objects.create(
        name="P", dataset=made.dataset, outcome_kind="binary", outcome_field="left", state="active", owner=owner
    )
    upload(
        "orders.csv", [{name: value for name, value in row.items() if name != "status"} for row in orders()], related
    )
    held = HeldTable.objects.get(dataset=related)
    assert "status is missing" in held.differences[0]["words"]


def test_a_repeated_related_record_counts_once_as_its_dataset_says(base, upload, owner, perform_runs):
    rows = orders()
    first = next(row for row in rows if row["order"] == "O1-10")
    twice = upload("orders.csv", [*rows, first | {"amount": "1.000,00 €"}])
    Dataset.objects.filter(id=twice.id).update(key_field="order", duplicates="last")
    twice.refresh_from_db()
    who = first["customer"].strip()
    made = make_enriched(base, [join_of(twice, windows=[EVER])], "decided", owner)
    perform_runs()
    assert table_of(made.dataset).loc[who, "Orders: sum of amount, so far"] == "1000"


def test_any_dataset_with_a_date_can_be_joined_by_hand_and_changed_while_paused(
    base, related, client, owner, workspace, perform_runs
):
    client.force_login(owner)
    made = make_enriched(base, [join_of(related)], "decided", owner)
    perform_runs()
    Dataset.objects.filter(id=related.id).update(state="paused")
    assert client.get(f"/w/{workspace.slug}/datasets/{made.dataset_id}/related/{related.id}/").status_code == 200
