"""Writing scores into a table at the destination: only rows that changed, with a cap, a try-out and an undo."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets.engine import literal
from apps.deliveries.channels.base import Channel, Held, Parcel, Receipt, Undeliverable
from apps.deliveries.channels.base.ledger import Difference, asked, difference_of
from apps.deliveries.models import Delivery
from apps.deliveries.which import Which
from apps.outbox.models import Sending
from apps.scoring.models import ScoringRun
from einstein import storage
from einstein.outbound.addresses import OutboundProblem

# What can be written, with its words and the type it has in a table of our own making.
VALUES = {
    "score": "Score", "percent": "Score in percent", "band": "Band (High, Medium, Low)", "predicted": "Predicted answer", "reasons": "Reasons in words",
    "as_of": "Time of the score", "model_version": "Version of the model", "expires_at": "When the score expires", "text": "A text of yours",
}  # fmt: skip
OWN_KEY = "record_key"
OWN_VALUES = ["score", "band", "predicted", "reasons", "as_of", "model_version", "expires_at"]
HOLD_PERCENT = 20  # of the rows changing band
SHOWN_ROWS = 5


@dataclass(frozen=True)
class Target:
    """A table at the destination: `key` names the record, `columns` maps each of our values to the column it goes into."""

    schema: str
    table: str
    key: str
    columns: dict[str, str]
    own: bool = False  # made and filled by us; otherwise rows that are not there are not added

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Target:
        columns = facts["columns"]  # JSON in the database keeps no order
        return cls(**facts | {"columns": {value: columns[value] for value in VALUES if value in columns}})

    @property
    def words(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @property
    def guard(self) -> str:
        """The column that tells which of two writes is the newer one, or ""."""
        return self.columns.get("as_of", "")


@dataclass
class Written:
    """What a destination acknowledged. `missing` are keys it has no row for; `refused` and `later` say why by key: for good, or for now."""

    matched: int
    missing: set[str] = field(default_factory=set)
    before: list[dict[str, str | None]] = field(default_factory=list)  # the first rows as they were
    refused: dict[str, str] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)

    @property
    def not_held(self) -> set[str]:
        """Keys whose scores the destination does not hold."""
        return {*self.missing, *self.refused, *self.later}


class TableChannel(Channel):
    """A destination that keeps rows by a key."""

    supersedes = writes_tables = True
    makes_tables: ClassVar[bool] = True
    transactional: ClassVar[bool] = True  # all or nothing; otherwise each record for itself
    table_word: ClassVar[str] = "table"
    column_word: ClassVar[str] = "column"

    @property
    def target(self) -> Target:
        if not self.settings.get("target"):
            raise Undeliverable("It is not decided yet which table the scores go to.", stop=True)
        return Target.from_json(self.settings["target"])

    @abstractmethod
    def tables(self) -> list[tuple[str, str]]:
        """(schema or "", table) of everything that could be written to."""

    @abstractmethod
    def columns_of(self, schema: str, table: str) -> list[tuple[str, str]]:
        """(name, type in the destination's words) of a table's columns."""

    def keys_of(self, schema: str, table: str) -> list[tuple[str, str]]:
        """The columns that may name a record."""
        return self.columns_of(schema, table)

    @abstractmethod
    def write(
        self, target: Target, rows: pa.Table, before: Path, check: Callable[[], None], *, keep: bool = True
    ) -> Written:
        """Write `rows` (strings: the key, then the target's columns), and what was there into the file `before`.

        `check` is called when nothing is kept yet but all is ready; with `keep` False everything is taken back instead.
        """

    @abstractmethod
    def restore(self, target: Target, before: Path, fresh: list[str], check: Callable[[], None]) -> int:
        """Write back a file `before`; rows of our own table with the keys `fresh` were not there and go."""

    def send(self, parcel: Parcel) -> Receipt:
        if parcel.sending.event == "undo":
            return self._undo(parcel)
        if parcel.run is None:
            raise Undeliverable("The scoring it was about is gone.")
        target = self.target
        with tempfile.TemporaryDirectory(prefix="einstein-write-") as folder:
            home = Path(folder)
            with difference_of(self.settings, parcel.delivery, parcel.run, parcel.base, parcel.which) as difference:
                if not parcel.sending.facts.get("let_through"):
                    _hold_if_much(self.settings, difference, parcel)
                parcel.work.stage(f"Write {difference.rows.num_rows:,} rows", target.words)
                wanted = _as_written(difference.rows, target, self.settings)
                written = self.write(target, wanted, home / "before", lambda: _keep_before(parcel, home / "before"))
                ledger = difference.next_ledger(home / "ledger.parquet", written.not_held)
            receipt = self._receipt(parcel, difference, written, home / "before", ledger)
        if written.later:
            self._try_the_rest_later(parcel, receipt, written)
        return receipt

    def _try_the_rest_later(self, parcel: Parcel, receipt: Receipt, written: Written) -> None:
        """Note what was taken, so that the next attempt writes only what was not."""
        with parcel.work.fenced():
            receipt.keep()
            parcel.sending.facts.setdefault("ledger_before", parcel.delivery.ledger_key)
            Sending.objects.filter(id=parcel.sending.id).update(
                facts=parcel.sending.facts, expected=receipt.expected, acknowledged=receipt.acknowledged
            )
        key, why = next(iter(written.later.items()))
        raise OutboundProblem(
            f"{len(written.later):,} of {receipt.expected:,} records were not taken, such as {key}: {why}"
        )

    def dry_run(self, delivery: Delivery, run: ScoringRun) -> dict[str, Any]:
        """What a run would change, with everything taken back at the end."""
        with (
            tempfile.TemporaryDirectory(prefix="einstein-dry-") as folder,
            difference_of(
                self.settings, delivery, run, delivery.compared_with, Which.from_json(delivery.which)
            ) as difference,
        ):
            wanted = _as_written(difference.rows, self.target, self.settings)
            written = self.write(self.target, wanted, Path(folder) / "before", lambda: None, keep=False)
            return difference.facts() | {
                "matched": written.matched,
                **_not_held(written), "shown": _side_by_side(written.before, wanted.slice(0, SHOWN_ROWS).to_pylist(), self.target),
            }  # fmt: skip

    def _receipt(self, parcel: Parcel, difference: Difference, written: Written, before: Path, ledger: Path) -> Receipt:
        home = storage.key_for(
            parcel.workspace.id, "deliveries", parcel.delivery.id, f"{parcel.sending.id}-{parcel.work.lease}"
        )
        storage.put(ledger, f"{home}/ledger.parquet")
        fresh_key = ""
        if difference.fresh_keys and self.target.own:
            fresh_key = f"{home}/fresh.parquet"
            pq.write_table(
                pa.table({"key": pa.array(difference.fresh_keys, pa.string())}), before.parent / "fresh.parquet"
            )
            storage.put(before.parent / "fresh.parquet", fresh_key)
        kept = parcel.sending.facts.get("ledger_before", parcel.delivery.ledger_key)
        outcome = difference.facts() | {
            **_not_held(written), "before": parcel.sending.facts["before"], "fresh": fresh_key,
            "ledger_before": kept, "ledger": f"{home}/ledger.parquet", "can_undo": difference.rows.num_rows > 0,
        }  # fmt: skip
        words = f"{written.matched:,} of {difference.rows.num_rows:,} changed rows written; {difference.unchanged:,} were as they should be."
        expected, holds = difference.rows.num_rows + difference.unchanged, written.matched + difference.unchanged

        def keep() -> None:
            now = Delivery.objects.select_for_update().get(id=parcel.delivery.id)
            same = all(
                now.settings.get(name) == parcel.delivery.settings.get(name) for name in (*self.leads_to, "target")
            )
            if same:  # otherwise somebody pointed it elsewhere while we wrote
                Delivery.objects.filter(id=now.id).update(ledger_key=f"{home}/ledger.parquet")
            # Only the newest write can be taken back; the one before needs its files no longer.
            Sending.objects.filter(destination_id=parcel.delivery.id, state="arrived", outcome__can_undo=True).exclude(
                id=parcel.sending.id
            ).update(outcome={})

        return Receipt(expected, holds, words, outcome, keep)

    def _undo(self, parcel: Parcel) -> Receipt:
        with parcel.work.fenced():
            undone = Sending.objects.get(id=parcel.sending.facts["undoes"])
        facts = undone.outcome
        if not facts.get("can_undo"):
            raise Undeliverable("Newer scores were written since; only the last run can be undone.")
        with ExitStack() as open_files:
            before = open_files.enter_context(storage.local_copy(facts["before"]))
            fresh = (
                pq.read_table(open_files.enter_context(storage.local_copy(facts["fresh"]))).column("key").to_pylist()
                if facts["fresh"]
                else []
            )
            rows = self.restore(self.target, before, fresh, parcel.work.check)

        def keep() -> None:
            Sending.objects.filter(id=undone.id).update(outcome=facts | {"can_undo": False, "undone": True})
            Delivery.objects.filter(id=parcel.delivery.id).update(
                ledger_key=facts["ledger_before"], state="paused", paused_because="The last run was undone."
            )

        return Receipt(rows, rows, f"{rows:,} rows are as they were before.", {}, keep)


def _keep_before(parcel: Parcel, before: Path) -> None:
    """Right before the commit: store what was there, for an undo. A second attempt after a commit must not take our own values for it."""
    parcel.work.check()
    if "before" in parcel.sending.facts:
        return
    key = storage.key_for(parcel.workspace.id, "deliveries", parcel.delivery.id, f"{parcel.sending.id}-before")
    storage.put(before, key)
    with parcel.work.fenced():
        parcel.sending.facts["before"] = key
        parcel.sending.save(update_fields=["facts"])


def _hold_if_much(settings: dict[str, Any], difference: Difference, parcel: Parcel) -> None:
    """Ask first when many rows would change band at once: that is more often a fault upstream than news."""
    limit = int(settings.get("hold_percent") or 0)
    if not limit or not difference.known or 100 * difference.changed_band <= limit * difference.known:
        return
    share = 100 * difference.changed_band / difference.known
    raise Held(
        f"{difference.changed_band:,} of {difference.known:,} rows ({share:.0f}%) would change band; you asked to hold from {limit}% on.",
        difference.facts() | {"shown": _moved(difference.rows)},
    )


def _moved(rows: pa.Table) -> list[dict[str, Any]]:
    """The first rows that change band."""
    chosen = "NOT fresh AND before_band <> band ORDER BY abs(score - before) DESC"
    return asked(
        f"SELECT key, before, before_band, score, band FROM rows WHERE {chosen} LIMIT {SHOWN_ROWS}", rows
    ).to_pylist()


def _as_written(rows: pa.Table, target: Target, settings: dict[str, Any]) -> pa.Table:
    """The rows as the target wants them, every value as text: the key, then the columns in order."""
    text = settings.get("text", "")
    expressions = {
        "score": "CAST(score AS VARCHAR)", "percent": "CAST(round(score * 100, 1) AS VARCHAR)", "band": "upper(band[1]) || band[2:]", "predicted": "predicted",
        "reasons": "reasons", "as_of": "strftime(as_of AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')", "model_version": "CAST(model_version AS VARCHAR)",
        "expires_at": "strftime(expires_at AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')", "text": literal(text),
    }  # fmt: skip
    columns = ", ".join(f"{expressions[value]} AS c{place}" for place, value in enumerate(target.columns))
    found = asked(f"SELECT key, {columns} FROM rows", rows)
    return found.rename_columns([target.key, *target.columns.values()])


def _not_held(written: Written) -> dict[str, Any]:
    """What was not written, as the page shows it."""
    return {
        "missing": len(written.missing), "missing_keys": sorted(written.missing)[:SHOWN_ROWS],
        "refused": len(written.refused), "refused_first": sorted(written.refused.items())[:SHOWN_ROWS],
    }  # fmt: skip


def _side_by_side(
    before: list[dict[str, str | None]], after: list[dict[str, str | None]], target: Target
) -> list[dict[str, Any]]:
    known = {row[target.key]: row for row in before}
    return [
        {
            "key": row[target.key],
            "cells": [(known.get(row[target.key], {}).get(name), row[name]) for name in target.columns.values()],
        }
        for row in after
    ]
