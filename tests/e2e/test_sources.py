"""A database is connected in a real browser, read again with changes, and a renamed field is accepted with one click.

EINSTEIN_WHOLE_WAY=1 goes on: train, score, and write back into the same database.
"""

from __future__ import annotations

import os
import time

import psycopg
import pytest

from tests.e2e.conftest import DATA
from tests.e2e.test_journey import Clicker
from tests.servers import PASSWORD, OtherPostgres


@pytest.fixture
def customers(stack):
    """The small Telco table in a PostgreSQL of the customer's own."""
    import pandas as pd

    server = OtherPostgres(stack.var / "customer").start_fresh()
    table = pd.read_csv(DATA / "telco_small.csv", dtype=str, keep_default_na=False)
    with psycopg.connect(server.owner) as connection:
        columns = ", ".join(f'"{name}" text' for name in table.columns)
        connection.execute(
            f'CREATE TABLE customers ({columns}, changed_at timestamp DEFAULT now(), PRIMARY KEY ("customerID"))'
        )
        names = ", ".join(f'"{name}"' for name in table.columns)
        with connection.cursor().copy(f"COPY customers ({names}) FROM STDIN") as copy:
            for row in table.itertuples(index=False):
                copy.write_row(row)
    yield server
    server.leave()


def test_a_database_becomes_a_dataset_that_keeps_itself_up_to_date(stack, page, customers, record_property):
    began, click = time.monotonic(), Clicker(page)
    page.goto(f"{stack.base}/accounts/signup/")
    page.fill("[name=name]", "Nora Winter")
    page.fill("[name=company]", "Northwind")
    page.fill("[name=email]", "nora@northwind.example")
    page.fill("[name=password1]", "a calm long sentence")
    click("text=Create workspace")
    click("a.side-link:has-text('Datasets')")
    click("text=Connect a source")
    click("a:has-text('PostgreSQL')")
    page.fill("[name=host]", "127.0.0.1")
    page.fill("[name=port]", str(customers.port))
    page.fill("[name=database]", "einstein")
    page.fill("[name=user]", "reader")
    page.fill("[name=password]", "wrong")
    page.select_option("[name=tls]", "prefer")
    click("text=Test the connection")
    page.wait_for_selector("text=refuses the password of reader")
    assert page.input_value("[name=password]") == "wrong", "what was typed stays"
    page.fill("[name=password]", PASSWORD)
    click("text=Test the connection")
    page.wait_for_selector("text=It works: 1 table or view can be read.")
    click("button:has-text('Continue')")
    page.wait_for_selector("text=Which records?")
    click("label:has-text('public.customers')")
    click("button:has-text('Continue')")
    page.wait_for_selector("text=Is this the right table?")
    assert page.input_value("[name=key_field]") == "customerID", "the primary key is proposed"
    page.select_option("[name=mode]", "changes")
    assert page.input_value("[name=cursor_field]") == "changed_at"
    click("text=Read it now")
    page.wait_for_selector("text=Check the fields", timeout=60_000)
    assert "1,600 records" in page.inner_text("main")
    record_property(
        "From sign-up to records from a database", f"{click.clicks} clicks, {time.monotonic() - began:.0f} s"
    )

    customers.run("UPDATE customers SET \"Contract\" = 'Two year', changed_at = now() WHERE \"customerID\" IN (SELECT \"customerID\" FROM customers LIMIT 3)",
                  'DELETE FROM customers WHERE "customerID" = (SELECT max("customerID") FROM customers)')  # fmt: skip
    click("nav.tabs a:has-text('Source')")
    click("button:has-text('Read now')")
    page.wait_for_selector("text=1,599 records with 22 fields", timeout=60_000)
    click("nav.tabs a:has-text('Source')")
    page.wait_for_selector("text=0 new, 3 changed, 1 gone", timeout=60_000)
    click("nav.tabs a:has-text('Snapshots')")
    click("text=Compare")
    page.wait_for_selector("text=From snapshot 1 to snapshot 2")
    assert "Contract" in page.inner_text("main")

    customers.run('ALTER TABLE customers RENAME COLUMN "MonthlyCharges" TO "Monthly fee"')
    click("nav.tabs a:has-text('Source')")
    click("button:has-text('Read now')")
    page.wait_for_selector("text=MonthlyCharges seems to be called Monthly fee now", timeout=60_000)
    click("button:has-text('Accept')")
    page.wait_for_selector("text=A newer table waits for you", state="detached", timeout=60_000)
    click("nav.tabs a:has-text('Fields')")
    page.wait_for_selector("article:has-text('MonthlyCharges')")
    record_property(
        "A source read three times, with a renamed field", f"{click.clicks} clicks, {time.monotonic() - began:.0f} s"
    )

    if "EINSTEIN_WHOLE_WAY" in os.environ:
        train_score_and_write_back(stack, page, customers, click, record_property, began)


def train_score_and_write_back(stack, page, customers, click, record_property, began) -> None:
    """The rest of the way, which takes a training of a minute."""
    click("text=Use in a prediction")
    page.fill("[name=name]", "Customer churn")
    click("text=Continue")
    click("text=Continue")
    click("label:has-text('Churn')")
    page.wait_for_selector("text=records have a known outcome")
    click("text=Continue")
    page.wait_for_selector("text=/Score (199|200)/")
    click("text=Continue")
    page.wait_for_selector("text=What may it learn from?")
    click("text=Continue")
    click("text=Continue")
    page.wait_for_selector("text=Ready to build")
    click("text=Build the prediction")
    page.wait_for_selector("text=How good is it?", timeout=240_000)
    click("text=Enable this version")
    page.wait_for_selector("text=of 1,599", timeout=60_000)

    click("nav.tabs a:has-text('Deliveries')")
    click("text=Add a delivery")
    click("a.card:has-text('PostgreSQL')")
    assert page.input_value("[name=port]") == str(customers.port), "the source's own connection is proposed"
    page.fill("[name=user]", "writer")
    click("button:has-text('Continue')")
    page.wait_for_selector("text=Which table?")
    click("button:has-text('Continue')")
    page.wait_for_selector("text=Which scores, and when?")
    click("text=Switch it on")
    page.wait_for_selector("text=/\\d+ of \\d+ customers arrived/", timeout=60_000)
    scored = stack.sql("SELECT s.key, s.value FROM scoring_score s JOIN predictions_prediction p ON p.id = s.prediction_id WHERE p.name = 'Customer churn' "
                       "AND s.workspace_id = (SELECT id FROM workspaces_workspace WHERE name = 'Northwind')")  # fmt: skip
    with psycopg.connect(customers.admin) as connection:
        assert sorted(connection.execute("SELECT record_key, score FROM einstein_customer_churn").fetchall()) == sorted(
            scored
        )
    assert len(scored) >= 199
    record_property(
        "From sign-up over three readings and training to scores in the customer's own PostgreSQL",
        f"{click.clicks} clicks, {time.monotonic() - began:.0f} s",
    )
