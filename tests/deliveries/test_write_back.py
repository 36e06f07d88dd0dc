"""Scores in the customer's own database: only what changed, all or nothing, held when much moves, tried out first, undone."""

from __future__ import annotations

import psycopg
import pymysql
import pytest

from apps.deliveries import plan as planning
from apps.deliveries import setup
from apps.deliveries.channels.base.table import Target
from apps.deliveries.forms import own_target
from apps.deliveries.which import Which
from apps.outbox.models import Attempt, Message, Sending
from apps.runs.models import Run
from apps.scoring.score import newest_run
from tests.deliveries.conftest import SECRET, newest, with_scores, writer
from tests.servers import PASSWORD


class Crm:
    """A customer's table of accounts, in one of two databases."""

    def __init__(self, kind: str, server, keys: list[str]) -> None:
        self.kind, self.server = kind, server
        text = "text" if kind == "postgresql" else "varchar(100)"
        moment = "timestamptz" if kind == "postgresql" else "datetime(6)"
        self.run("DROP TABLE IF EXISTS accounts", "DROP TABLE IF EXISTS einstein_churn")
        server.run(f"CREATE TABLE accounts (id {text} PRIMARY KEY, owner {text}, risk double precision, risk_band {text}, why {'text'}, scored_at {moment}, note {text})")  # fmt: skip
        rows = [(key, "maria", "kept") for key in keys]
        if kind == "postgresql":
            with psycopg.connect(server.owner) as connection, connection.cursor() as cursor:
                cursor.executemany("INSERT INTO accounts (id, owner, note) VALUES (%s, %s, %s)", rows)
        else:
            server.run("INSERT INTO crm.accounts (id, owner, note) VALUES (%s, %s, %s)", rows=rows)

    def run(self, *statements: str) -> None:
        """As somebody who may do everything."""
        if self.kind == "mysql":
            return self.server.run(*statements)
        with psycopg.connect(self.server.admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
        return None

    def rows(self, sql: str) -> list[tuple]:
        if self.kind == "postgresql":
            with psycopg.connect(self.server.admin) as connection:
                return connection.execute(sql).fetchall()
        with pymysql.connect(**self.server.root, database="crm") as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def scores(
        self, table: str = "accounts", key: str = "id", score: str = "risk", band: str = "risk_band"
    ) -> dict[str, tuple]:
        return {
            row[0]: (round(row[1], 9), row[2])
            for row in self.rows(f"SELECT {key}, {score}, {band} FROM {table}")
            if row[1] is not None
        }

    @property
    def target(self) -> Target:
        columns = {"score": "risk", "band": "risk_band", "reasons": "why", "as_of": "scored_at"}
        return Target("public" if self.kind == "postgresql" else "", "accounts", "id", columns)


@pytest.fixture(params=["postgresql", "mysql"])
def crm(request, history):
    server = request.getfixturevalue("other_postgres" if request.param == "postgresql" else "mariadb")
    if request.param == "mysql":
        server = InCrm(server)
    return Crm(request.param, server, history["key"].tolist())


class InCrm:
    """MariaDB with its database chosen."""

    def __init__(self, server) -> None:
        self.root, self.settings, self._run = server.root, server.settings, server.run

    def run(self, *statements: str, rows=None) -> None:
        if rows is not None:
            return self._run(*statements, rows=rows)
        with pymysql.connect(**self.root, database="crm") as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        return None


@pytest.fixture
def to_accounts(crm, make_delivery):
    return make_delivery(crm.kind, writer(crm.server), SECRET, target=crm.target, hold_percent=20, expires_days=7)


@pytest.fixture
def own_table(crm, make_delivery, scored):
    target = own_target(scored, crm.target.schema)
    return make_delivery(crm.kind, writer(crm.server), SECRET, target=target, hold_percent=20, expires_days=7)


def expected(history) -> dict[str, tuple]:
    return {row.key: (round(row.value, 9), row.band.capitalize()) for row in history.itertuples()}


def test_every_score_is_written_with_band_reasons_and_time_and_nothing_else_is_touched(
    crm, to_accounts, deliver, owner, history
):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    sending = newest(to_accounts)
    assert (sending.state, sending.expected, sending.acknowledged) == ("arrived", len(history), len(history)), (
        sending.last_error
    )
    assert crm.scores() == expected(history)
    why, at, note, who = crm.rows(
        f"SELECT why, scored_at, note, owner FROM accounts WHERE id = '{history['key'].iloc[0]}'"
    )[0]
    assert (note, who) == ("kept", "maria")
    assert "raises" in why
    assert at.strftime("%Y-%m-%d %H:%M") == newest_run(to_accounts.prediction).as_of.strftime("%Y-%m-%d %H:%M")


def test_a_table_of_our_own_is_made_and_filled(crm, own_table, deliver, owner, history):
    planning.plan_now(own_table, owner)
    deliver(own_table)
    assert newest(own_table).state == "arrived", newest(own_table).last_error
    assert crm.scores("einstein_churn", "record_key", "score", "band") == expected(history)
    version, expires, as_of = crm.rows("SELECT model_version, expires_at, as_of FROM einstein_churn LIMIT 1")[0]
    assert version == 1
    assert (expires - as_of).days == 7


def test_only_changed_rows_are_written(crm, own_table, deliver, owner, score_again, history):
    planning.plan_now(own_table, owner)
    deliver(own_table)
    top = history["key"].iloc[0]
    score_again(with_scores(**{top.replace("-", "_"): 0.1234}))
    deliver(own_table)
    facts = newest(own_table).outcome
    assert (facts["new"], facts["changed"], facts["unchanged"]) == (0, 1, len(history) - 1)
    moments = crm.rows("SELECT as_of, count(*) FROM einstein_churn GROUP BY as_of ORDER BY 2")
    assert [count for _, count in moments] == [1, len(history) - 1]


def test_rows_are_renewed_before_they_expire(crm, own_table, deliver, owner, score_again, history):
    planning.plan_now(own_table, owner)
    deliver(own_table)
    for _ in range(4):
        score_again(lambda table: table)
    deliver(own_table)
    assert newest(own_table).outcome["changed"] == len(history), "after four of seven days every row gets a new time"


def test_records_that_the_table_does_not_have_are_counted_and_named(crm, to_accounts, deliver, owner, history):
    gone = history["key"].iloc[3]
    crm.server.run(f"DELETE FROM accounts WHERE id = '{gone}'")
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    sending = newest(to_accounts)
    assert (sending.expected, sending.acknowledged) == (len(history), len(history) - 1)
    assert sending.outcome["missing_keys"] == [gone]


def move_many(table):
    """Every third record changes its band."""
    rows = table.index % 3 == 0
    table.loc[rows, "band"] = table.loc[rows, "band"].map({"high": "low", "low": "high", "medium": "high"})
    return table


def test_when_many_rows_would_change_band_it_is_held_until_somebody_says_so(
    crm, to_accounts, deliver, owner, score_again, history
):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    before = crm.scores()
    score_again(move_many)
    deliver(to_accounts)
    held = newest(to_accounts)
    assert held.state == "held"
    assert "34%" in held.last_error or "33%" in held.last_error
    assert held.outcome["shown"]
    assert crm.scores() == before
    assert Message.objects.filter(subject__contains="waits for you", to=owner.email).count() == 1
    planning.replay(held, to_accounts, owner)
    deliver(to_accounts)
    assert newest(to_accounts).state == "arrived"
    assert crm.scores() != before


def test_trying_out_writes_nothing_and_shows_what_would_change(crm, to_accounts, owner, perform_runs, history):
    setup.try_out(to_accounts, owner)
    perform_runs()
    found = Run.objects.filter(kind="dry_run").get().outcome
    assert (found["new"], found["matched"], found["missing"]) == (len(history), len(history), 0)
    assert len(found["shown"]) == 5
    assert crm.scores() == {}


@pytest.mark.parametrize("which", ["to_accounts", "own_table"])
def test_the_last_run_can_be_undone(request, crm, deliver, owner, score_again, history, which):
    delivery = request.getfixturevalue(which)
    place = ("accounts",) if which == "to_accounts" else ("einstein_churn", "record_key", "score", "band")
    planning.plan_now(delivery, owner)
    deliver(delivery)
    first = crm.scores(*place)
    top = history["key"].iloc[0].replace("-", "_")
    score_again(with_scores(**{top: 0.2}))
    deliver(delivery)
    assert crm.scores(*place) != first
    planning.undo(newest(delivery), delivery, owner)
    deliver(delivery)
    assert crm.scores(*place) == first
    assert (delivery.state, delivery.paused_because) == ("paused", "The last run was undone.")
    setup.resume(delivery, owner)
    score_again(with_scores(**{top: 0.2}))
    deliver(delivery)
    assert newest(delivery).outcome["changed"] == 1, "the ledger went back as well"


def test_undoing_the_very_first_run_leaves_the_table_as_it_was(crm, to_accounts, deliver, owner):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    planning.undo(newest(to_accounts), to_accounts, owner)
    deliver(to_accounts)
    assert crm.scores() == {}


def test_a_value_that_does_not_fit_its_column_is_named_and_nothing_is_written(crm, make_delivery, deliver, owner):
    wrong = Target(crm.target.schema, "accounts", "id", {"band": "risk"})
    delivery = make_delivery(crm.kind, writer(crm.server), SECRET, target=wrong)
    planning.plan_now(delivery, owner)
    deliver(delivery)
    sending = newest(delivery)
    assert sending.state == "waiting"
    assert "does not fit its column" in sending.last_error
    assert "risk" in sending.last_error
    assert crm.scores() == {}


def test_a_user_that_may_not_write_is_told_so(crm, make_delivery, deliver, owner):
    delivery = make_delivery(crm.kind, crm.server.settings, SECRET, target=crm.target)
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert "reader may not write" in newest(delivery).last_error


def test_a_database_that_is_away_is_tried_again_and_every_attempt_is_kept(crm, make_delivery, deliver, owner, history):
    delivery = make_delivery(crm.kind, writer(crm.server) | {"port": 9}, SECRET, target=crm.target)
    planning.plan_now(delivery, owner)
    deliver(delivery)
    sending = newest(delivery)
    assert (sending.state, sending.attempts) == ("waiting", 1)
    assert "Nothing answers" in sending.last_error
    setup.change_connection(delivery, {"port": crm.server.settings["port"]}, {"password": PASSWORD}, owner)
    Sending.objects.filter(id=sending.id).update(due_at=sending.created_at)
    deliver(delivery)
    assert newest(delivery).state == "arrived"
    assert list(Attempt.objects.filter(sending=sending).order_by("id").values_list("arrived", flat=True)) == [
        False,
        True,
    ]
    assert crm.scores() == expected(history)


def test_newer_scores_take_the_place_of_those_that_wait(crm, to_accounts, deliver, owner, score_again, history):
    planning.plan_now(to_accounts, owner)
    top = history["key"].iloc[0]
    score_again(with_scores(**{top.replace("-", "_"): 0.5}))
    deliver(to_accounts)
    states = list(Sending.objects.order_by("id").values_list("state", flat=True))
    assert states == ["dropped", "arrived"]
    assert crm.scores()[top][0] == 0.5


def test_an_older_write_that_comes_late_changes_nothing(crm, own_table, deliver, owner, score_again, history):
    top = history["key"].iloc[0]
    late = newest_run(own_table.prediction)
    score_again(with_scores(**{top.replace("-", "_"): 0.11}))
    deliver(own_table)
    planning.plan(own_table, late, "late")
    own_table.ledger_key = ""
    own_table.save()
    deliver(own_table)
    assert crm.scores("einstein_churn", "record_key", "score", "band")[top][0] == 0.11


def test_another_database_holds_nothing_yet(crm, own_table, deliver, owner, history):
    planning.plan_now(own_table, owner)
    deliver(own_table)
    crm.run("DROP TABLE einstein_churn")
    setup.change_connection(own_table, {"host": "localhost"}, {"password": PASSWORD}, owner)
    setup.change_connection(own_table, {"host": "127.0.0.1"}, {"password": PASSWORD}, owner)
    planning.plan_now(own_table, owner)
    deliver(own_table)
    assert len(crm.scores("einstein_churn", "record_key", "score", "band")) == len(history)


def test_a_second_attempt_after_the_commit_leaves_the_undo_as_it_was(crm, to_accounts, deliver, owner, monkeypatch):
    from apps.deliveries.channels.base import table

    planning.plan_now(to_accounts, owner)

    def dies_after_the_commit(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(table.TableChannel, "_receipt", dies_after_the_commit)
        deliver(to_accounts)
    assert newest(to_accounts).state == "waiting"
    assert crm.scores() != {}
    Sending.objects.update(due_at=newest(to_accounts).created_at)
    deliver(to_accounts)
    planning.undo(newest(to_accounts), to_accounts, owner)
    deliver(to_accounts)
    assert crm.scores() == {}


def test_a_crossing_is_written_though_newer_scores_took_its_place(
    crm, make_delivery, deliver, owner, score_again, history
):
    delivery = make_delivery(crm.kind, writer(crm.server), SECRET, target=crm.target, which=Which("rises", limit=0.9))
    low = history["key"].iloc[-1]
    score_again(with_scores(**{low.replace("-", "_"): 0.95}))
    score_again(lambda table: table)
    deliver(delivery)
    assert list(crm.scores()) == [low]


def test_older_scores_are_not_laid_over_newer_ones_by_trying_again(
    crm, to_accounts, deliver, owner, score_again, history
):
    planning.plan_now(to_accounts, owner)
    Sending.objects.update(state="dead")
    top = history["key"].iloc[0]
    score_again(with_scores(**{top.replace("-", "_"): 0.5}))
    deliver(to_accounts)
    old = Sending.objects.order_by("id").first()
    planning.replay(old, to_accounts, owner)
    deliver(to_accounts)
    old.refresh_from_db()
    assert (old.state, old.last_error) == ("dropped", "Newer scores have arrived since.")
    assert crm.scores()[top][0] == 0.5


def test_undo_pressed_twice_undoes_once(crm, to_accounts, deliver, owner):
    planning.plan_now(to_accounts, owner)
    deliver(to_accounts)
    written = newest(to_accounts)
    assert planning.undo(written, to_accounts, owner) == planning.undo(written, to_accounts, owner)
    deliver(to_accounts)
    assert (crm.scores(), to_accounts.state) == ({}, "paused")


def test_a_table_without_transactions_is_refused(mariadb, history, make_delivery, deliver, owner):
    crm = Crm("mysql", InCrm(mariadb), history["key"].tolist())
    crm.run("ALTER TABLE accounts ENGINE=MyISAM")
    delivery = make_delivery("mysql", writer(crm.server), SECRET, target=crm.target)
    planning.plan_now(delivery, owner)
    deliver(delivery)
    assert "knows no transactions" in newest(delivery).last_error
    assert crm.scores() == {}


def test_a_sending_that_ends_its_worker_again_and_again_is_given_up(crm, to_accounts, deliver, owner):
    from apps.outbox.retries import RETRY_SECONDS

    planning.plan_now(to_accounts, owner)
    Sending.objects.update(attempts=len(RETRY_SECONDS) + 1)
    deliver(to_accounts)
    assert newest(to_accounts).state == "dead"
