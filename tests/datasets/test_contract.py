"""The contract of a dataset: what happens to each way in which a newer table can differ, and what is said."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from apps.datasets.models import Dataset, Field, HeldTable, Snapshot
from apps.datasets.records import load, newest_snapshot
from apps.datasets.upload import receive_path
from apps.predictions.models import Prediction
from apps.runs.models import Run

Row = dict[str, str]
ANSWERS = {
    "plan": ["Basic", "Plus", "Pro", "Basic", "Basic"],
    "left": ["No", "No", "Yes"],
    "region": ["North", "South", "East", "West"],
}


def table(count: int = 240) -> list[Row]:
    rows = []
    for n in range(count):
        rows.append({
            "Customer ID": f"C{n:04d}", "Plan": ANSWERS["plan"][n % 5], "Monthly charges": f"{19.5 + (n * 37 % 101) * 0.75:.2f}",
            "Orders": str(n * 7 % 43), "Signed up": f"{1 + n * 11 % 28:02d}.{1 + n % 12:02d}.20{12 + n % 11}", "Region": ANSWERS["region"][n * 3 % 4],
            "E-mail": f"person{n}@firm{n % 17}.example", "Left": ANSWERS["left"][n * 5 % 3] if n % 6 else "",
        })  # fmt: skip
    return rows


def renamed(old: str, new: str) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [{(new if name == old else name): value for name, value in row.items()} for row in rows]


def dropped(*names: str) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [{name: value for name, value in row.items() if name not in names} for row in rows]


def changed(name: str, how: Callable[[str, int], str]) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [row | {name: how(row[name], n)} for n, row in enumerate(rows)]


def all_of(*steps: Callable[[list[Row]], list[Row]]) -> Callable[[list[Row]], list[Row]]:
    def do(rows: list[Row]) -> list[Row]:
        for step in steps:
            rows = step(rows)
        return rows

    return do


def as_bytes(rows: list[Row], delimiter: str = ",", encoding: str = "utf-8", **options) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, **options)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def us_date(value: str, _: int) -> str:
    day, month, year = value.split(".")
    return f"{month}/{day}/{year}"


def iso_date(value: str, _: int) -> str:
    day, month, year = value.split(".")
    return f"{year}-{month}-{day}"


def swap(rows: list[Row]) -> list[Row]:
    return [row | {"Plan": row["Region"], "Region": row["Plan"]} for row in rows]


KEEP = lambda rows: rows  # noqa: E731 the table as it was
# (what changes, how, what happens, the field it is about or "", words of the message)
CHANGES: list[tuple[str, Callable, str, str, str]] = [
    ("nothing", KEEP, "applied", "", ""),
    ("other order of fields", lambda rows: [dict(reversed(row.items())) for row in rows], "applied", "", "another order"),
    ("other order of records", lambda rows: rows[::-1], "applied", "", ""),
    ("upper case", renamed("Plan", "PLAN"), "applied", "Plan", "written otherwise"),
    ("all lower case", lambda rows: [{name.lower(): value for name, value in row.items()} for row in rows], "applied", "Plan", "written otherwise"),
    ("underscores", lambda rows: [{name.replace(" ", "_"): value for name, value in row.items()} for row in rows], "applied", "Signed up", "written otherwise"),
    ("camel case", renamed("Monthly charges", "MonthlyCharges"), "applied", "Monthly charges", "written otherwise"),
    ("key recased", renamed("Customer ID", "customer_id"), "applied", "Customer ID", "written otherwise"),
    ("blanks around a name", renamed("Plan", "  Plan "), "applied", "", ""),
    ("a new field", lambda rows: [row | {"Country": "DE"} for row in rows], "applied", "Country", "is new"),
    ("a new field beside a similar one", lambda rows: [row | {"Plan 2": "x"} for row in rows], "applied", "Plan 2", "is new"),
    ("a new empty field", lambda rows: [row | {"Remarks": ""} for row in rows], "applied", "Remarks", "is new"),
    ("an unused field gone", dropped("E-mail"), "applied", "E-mail", "no longer there"),
    ("dates month first", changed("Signed up", us_date), "applied", "Signed up", "written otherwise"),
    ("dates year first", changed("Signed up", iso_date), "applied", "Signed up", "written otherwise"),
    ("decimal comma", changed("Monthly charges", lambda v, _: v.replace(".", ",")), "applied", "", ""),
    ("a currency sign", changed("Monthly charges", lambda v, _: f"€ {v}"), "applied", "", ""),
    ("some blanks", changed("Orders", lambda v, n: "" if n % 4 == 0 else v), "applied", "", ""),
    ("new answers", changed("Plan", lambda v, n: "Gold" if n % 9 == 0 else v), "applied", "", ""),
    ("new records", lambda rows: rows + [row | {"Customer ID": f"D{n}"} for n, row in enumerate(rows[:60])], "applied", "", ""),
    ("a few records fewer", lambda rows: rows[:200], "applied", "", ""),
    ("a few repeated keys", lambda rows: rows + rows[:5], "applied", "Customer ID", "repeats or is blank in 5 of 245"),
    ("a used field renamed", renamed("Monthly charges", "Fee per month"), "held", "Monthly charges", "seems to be called Fee per month now"),
    ("a used field abbreviated", renamed("Orders", "ord_cnt"), "held", "Orders", "seems to be called ord_cnt now"),
    ("the outcome renamed", renamed("Left", "Churned"), "held", "Left", "seems to be called Churned now"),
    ("two used fields renamed at once", all_of(renamed("Plan", "Tariff"), renamed("Region", "Area")), "held", "Region", "seems to be called Area now"),
    ("a used field renamed and others new", all_of(renamed("Plan", "Tariff"), lambda rows: [row | {"Tariff code": "x", "Zone": "1"} for row in rows]),
     "held", "Plan", "seems to be called Tariff now"),
    ("an unused field renamed", renamed("E-mail", "Contact"), "held", "E-mail", "seems to be called Contact now"),
    ("a used field gone", dropped("Plan"), "held", "Plan", "is missing, and predictions use it"),
    ("a used field gone, an unlike one new", all_of(dropped("Plan"), lambda rows: [row | {"Height": str(100 + n)} for n, row in enumerate(rows)]),
     "held", "Plan", "is missing"),
    ("the key gone", dropped("Customer ID"), "held", "Customer ID", "names the records"),
    ("two fields swapped", swap, "held", "Plan", "The values of Plan now stand under Region"),
    ("numbers became words", changed("Monthly charges", lambda v, _: "high" if float(v) > 50 else "low"), "held", "Monthly charges", "do not fit that now, such as"),
    ("dates became words", changed("Signed up", lambda v, _: "long ago"), "held", "Signed up", "is of the type Date"),
    ("half the file", lambda rows: rows[:100], "held", "", "100 records instead of 240"),
    ("the key repeats everywhere", changed("Customer ID", lambda v, n: f"C{n % 20}"), "held", "Customer ID", "repeats or is blank in 220 of 240"),
]  # fmt: skip
FORMS = {
    "semicolons": lambda rows: as_bytes(rows, ";"), "tabs": lambda rows: as_bytes(rows, "\t"), "pipes": lambda rows: as_bytes(rows, "|"),
    "UTF-16": lambda rows: as_bytes(rows, encoding="utf-16"), "cp1252": lambda rows: as_bytes(rows, encoding="cp1252"),
    "a byte order mark": lambda rows: as_bytes(rows, encoding="utf-8-sig"), "every value quoted": lambda rows: as_bytes(rows, quoting=csv.QUOTE_ALL),
}  # fmt: skip


@pytest.fixture
def promised(inside, owner, perform_runs, tmp_path) -> Dataset:
    """The dataset after its first snapshot, with a prediction that uses all fields but the e-mail address."""
    file = tmp_path / "customers.csv"
    file.write_bytes(as_bytes(table()))
    dataset, _ = receive_path(file, "customers.csv", owner)
    perform_runs()
    dataset.refresh_from_db()
    assert dataset.key_field == "Customer ID"
    Prediction.objects.create(
        name="P", dataset=dataset, outcome_kind="binary", outcome_field="Left", state="active", time_field="Signed up",
        learn_filters=[{"field": name, "op": "filled", "value": ""} for name in ("Plan", "Region", "Orders", "Monthly charges")],
    )  # fmt: skip
    return dataset


@pytest.fixture
def come(promised, owner, perform_runs, tmp_path):
    def send(content: bytes, name: str = "newer.csv") -> dict:
        file = tmp_path / name
        file.write_bytes(content)
        receive_path(file, name, owner, promised)
        perform_runs()
        return Run.objects.filter(kind="ingest").latest("id").outcome

    return send


@pytest.mark.parametrize(("what", "how", "happens", "field", "words"), CHANGES, ids=[change[0] for change in CHANGES])
def test_every_way_to_differ_is_applied_or_held_with_its_message(
    promised, come, record_property, what, how, happens, field, words
):
    outcome = come(as_bytes(how(table())))
    said = " ".join(outcome["said"])
    record_property(what, f"{outcome['result']}: {said}")
    assert outcome["result"] == {"applied": "snapshot", "held": "held"}[happens], said
    assert words in said
    if field and words:
        assert field in said
    if happens == "held":
        assert newest_snapshot(promised).number == 1
        return
    assert newest_snapshot(promised).number == 2
    names = {known for known in table()[0] if known != field or "no longer" not in words}
    assert names <= set(Field.objects.filter(dataset=promised).values_list("name", flat=True)), (
        "known fields keep their names"
    )


@pytest.mark.parametrize("form", FORMS)
def test_another_notation_of_the_file_changes_nothing(promised, come, form):
    outcome = come(FORMS[form](table()))
    assert (outcome["added"], outcome["changed"], outcome["gone"]) == (0, 0, 0)


@pytest.mark.parametrize("name", ["as it was", "in another order", "with new records only"])
def test_no_two_fields_are_ever_mistaken_for_one_another(promised, come, name):
    """All fields are renamed to names that say nothing: each is found by its values, or by nothing."""
    rows = table()
    rows = {
        "as it was": rows,
        "in another order": rows[::-1],
        "with new records only": [row | {"Customer ID": f"N{n}"} for n, row in enumerate(rows)],
    }[name]
    names = {known: (known if known == "Customer ID" else f"Column {place}") for place, known in enumerate(rows[0])}
    come(as_bytes([{names[known]: value for known, value in row.items()} for row in rows]))
    mapping = HeldTable.objects.get().mapping
    wrong = {came: known for came, known in mapping.items() if known in names and names[known] != came}
    assert wrong == {}


def test_dates_written_another_way_are_the_same_days(promised, come):
    from apps.datasets.records import specs_of
    from einstein.ml.schema import parse

    def days() -> list:
        found = load(newest_snapshot(promised), ["Customer ID", "Signed up"]).set_index("Customer ID").sort_index()
        return parse(found["Signed up"], specs_of(promised)["Signed up"]).tolist()

    before = days()
    come(as_bytes(changed("Signed up", us_date)(table())))
    assert days() == before


def test_an_accepted_other_type_is_read_as_it_is_now(promised, come, client, owner, workspace, perform_runs):
    come(as_bytes(changed("Monthly charges", lambda v, _: "high" if float(v) > 50 else "low")(table())))
    client.force_login(owner)
    held = HeldTable.objects.get(state="open")
    client.post(f"/w/{workspace.slug}/datasets/{promised.id}/held/{held.id}/", {"action": "accept"})
    perform_runs()
    assert newest_snapshot(promised).number == 2
    assert Field.objects.get(name="Monthly charges").type == "category"


def test_a_table_that_fits_again_ends_the_waiting_of_a_held_one(promised, come):
    come(as_bytes(dropped("Plan")(table())))
    assert HeldTable.objects.filter(state="open").exists()
    come(as_bytes(table()))
    assert not HeldTable.objects.filter(state="open").exists()


def test_a_discarded_table_leaves_everything_as_it_was(promised, come, client, owner, workspace):
    come(as_bytes(dropped("Plan")(table())))
    client.force_login(owner)
    held = HeldTable.objects.get(state="open")
    client.post(f"/w/{workspace.slug}/datasets/{promised.id}/held/{held.id}/", {"action": "discard"})
    assert Snapshot.objects.count() == 1
    assert HeldTable.objects.get().state == "discarded"
