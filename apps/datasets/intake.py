"""Taking in a table that was read: matched to the dataset's contract, then kept as a snapshot, whole or as a difference, or held."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from apps.datasets import chain, difference
from apps.datasets.arrival import Arrived, Taken, note_outcome
from apps.datasets.contract import Match, Promised, judge_rows, letters_of, match
from apps.datasets.field_looks import Look, look_at, replace_fields
from apps.datasets.held import hold
from apps.datasets.kept_out import marks_of, without_erased
from apps.datasets.models import Dataset, Enrichment, Field, HeldTable, Snapshot, Source
from apps.datasets.records import newest_snapshot
from apps.datasets.room import refuse_snapshot
from apps.datasets.steady import difference_to, is_steady
from apps.runs.lease import Work, WorkFailed
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.reader.table import as_columns, as_frame

EXACT = 100_000  # records; of larger tables the fields are looked at by a sample
SAMPLE = 30_000
COMPARED = 3000  # records that are compared with the snapshot before
MOST_TRIES = 3


class MovedOn(Exception):
    """Another snapshot was kept meanwhile, so a difference to the one before it would be wrong; or a record was erased that is in this one."""


def take_in(work: Work, dataset_id: int, arrived: Arrived, needed: Iterable[str] = ()) -> Taken:
    """Match, then keep or hold. Safe to run twice: what was kept already is found unchanged."""
    for _ in range(MOST_TRIES):
        try:
            return _take_in_once(work, dataset_id, arrived, set(needed))
        except MovedOn:
            continue
    raise WorkFailed("Several tables came at once. Try again when the others are in.")


def _take_in_once(work: Work, dataset_id: int, arrived: Arrived, needed: set[str]) -> Taken:
    with workspace_scope(work.workspace_id):
        dataset = Dataset.objects.get(id=dataset_id)
        before = newest_snapshot(dataset)
        if not arrived.report.rows and not arrived.changes_only:
            raise WorkFailed(f"{arrived.origin} holds no records.")
        fields, marks = list(Field.objects.filter(dataset=dataset)), marks_of(dataset)
    with tempfile.TemporaryDirectory(prefix="einstein-intake-") as made:
        folder = Path(made)
        counts = None
        if before is not None and not marks:  # of what was erased, records may come along
            with workspace_scope(work.workspace_id):
                counts = difference_to(before, dataset.key_field, arrived, folder)
        steady = counts is not None and is_steady(before, counts)
        matched = _as_it_was(before, arrived) if steady else _matched(work, dataset, before, fields, arrived, needed)
        if matched.is_held and arrived.accepted is None:
            return hold(work, dataset, arrived, matched)
        path, names = _under_known_names(arrived, matched, before, folder)
        if dataset.key_field and dataset.key_field not in names:
            raise WorkFailed(
                f"The file has no field {dataset.key_field}, which names the records of {dataset.name}. "
                "Add it to the file, or pick another key field first."
            )
        left_out = 0
        if dataset.key_field:
            path, left_out = without_erased(path, dataset.key_field, dataset.id, marks, folder)
        report = replace(arrived.report, rows=arrived.report.rows - left_out)
        arrived = replace(arrived, report=report, erased=len(marks))
        kept = _as_snapshot(work, dataset, before, path, names, arrived, folder, counts)
        if kept is None:
            taken = _note_unchanged(work, dataset, arrived)
        else:
            taken = _keep(work, dataset, before, kept, arrived, matched, fields, steady)
        return replace(taken, left_out=left_out)


def _as_it_was(before: Snapshot, arrived: Arrived) -> Match:
    """How a table fits that is the one before with few changes."""
    names, report = before.field_names, arrived.report
    return Match(dict(zip(names, names, strict=True)), judge_rows(report.rows, before.rows, report.rejected, "", 0))


def _matched(
    work: Work, dataset: Dataset, before: Snapshot | None, fields: list[Field], arrived: Arrived, needed: set[str]
) -> Match:
    names = arrived.report.fields
    if before is None:
        return Match({name: name for name in names})
    promised = [_promised(item, dataset, needed) for item in fields]
    sample = as_frame(arrived.sample(COMPARED))
    aliases = dict(dataset.aliases) | (arrived.accepted.mapping if arrived.accepted else {})
    accepted = (
        {change["field"] for change in arrived.accepted.differences if change["kind"] == "retyped"}
        if arrived.accepted
        else set()
    )
    with workspace_scope(work.workspace_id):
        earlier = _same_records(before, dataset, sample, aliases)
        ours = Enrichment.objects.filter(dataset=dataset).exists()
    found = match(promised, names, aliases, sample, earlier, accepted, ours)
    key = next((came for came, known in found.mapping.items() if known == dataset.key_field), None)
    if not arrived.changes_only:
        named_before = bool(dataset.key_field) and before.keyed_by == dataset.key_field
        faults = difference.key_faults(arrived.path, key) if key and named_before else 0
        found.changes += judge_rows(
            arrived.report.rows, before.rows, arrived.report.rejected, dataset.key_field, faults
        )
    return found


def _promised(item: Field, dataset: Dataset, needed: set[str]) -> Promised:
    facts = item.profile
    unreadable = facts.get("unreadable", 0) / max(1, facts.get("filled", 0))
    return Promised(
        item.name, item.type, facts.get("options", {}), unreadable, needed=item.name in needed, key=item.name == dataset.key_field,
        chosen=bool(item.chosen_type),
    )  # fmt: skip


def _same_records(before: Snapshot, dataset: Dataset, sample: pd.DataFrame, aliases: dict[str, str]) -> pd.DataFrame:
    """Records of the snapshot before: the sample's own by key where there is one, else some of them."""
    key = dataset.key_field
    came = next(
        (
            name
            for name in sample
            if name == key or aliases.get(name) == key or (key and letters_of(name) == letters_of(key))
        ),
        None,
    )
    if key and before.keyed_by == key and came is not None:
        found = as_frame(
            chain.records_with(before, pa.array(sample[came].dropna().tolist(), pa.string()), chain.MOST_PARTS // 3)
        )
        if len(found):
            return found
    return chain.sample_of(before, COMPARED)


def _under_known_names(
    arrived: Arrived, matched: Match, before: Snapshot | None, folder: Path
) -> tuple[Path, list[str]]:
    """The file with the contract's names, in the contract's order, new fields last."""
    mapping = matched.mapping
    order = {name: place for place, name in enumerate(before.field_names if before else [])}
    columns = dict(
        sorted(
            mapping.items(), key=lambda entry: order.get(entry[1], len(order) + arrived.report.fields.index(entry[0]))
        )
    )
    if list(columns) == list(columns.values()) == pq.read_schema(arrived.path).names:
        return arrived.path, list(columns)
    target = folder / "named.parquet"
    difference.renamed(arrived.path, columns, target)
    return target, list(columns.values())


@dataclass
class _Kept:
    """A file to be stored, and what the snapshot made of it holds."""

    path: Path
    rows: int
    names: list[str]
    base: Snapshot | None
    keyed_by: str
    counts: difference.Difference | None
    seen: pd.DataFrame | None


def _as_snapshot(
    work: Work,
    dataset: Dataset,
    before: Snapshot | None,
    path: Path,
    names: list[str],
    arrived: Arrived,
    folder: Path,
    counts: difference.Difference | None,
) -> _Kept | None:
    """Choose between whole and difference; None when nothing has changed. `counts` is the difference, where it was told already."""
    key = dataset.key_field
    comparable = before is not None and bool(key) and before.keyed_by == key
    same_fields = before is not None and set(names) == set(before.field_names)
    if arrived.changes_only and before is not None:
        if not comparable:
            raise WorkFailed(
                f"Changes can only be laid over {dataset.name} when a field names each record. Pick the key field, then read everything once."
            )
        return _laid_over(work, dataset, before, path, names, arrived, folder, same_fields)
    faults = 0 if counts is not None else difference.key_faults(path, key) if key else 1
    if not comparable or not same_fields or faults:
        return _Kept(
            path,
            arrived.report.rows,
            names,
            None,
            key if key and not faults else "",
            None,
            looked_at(path, arrived),
        )
    with workspace_scope(work.workspace_id):
        counts = counts or difference.against_whole(path, before, key, folder)
        if counts.is_nothing and arrived.upload is None:
            return None
        if _is_worth_a_difference(before, counts):
            seen = looked_at(path, arrived) if counts.rows <= EXACT else None
            return _Kept(counts.path, counts.rows, before.field_names, before, key, counts, seen)
    return _Kept(path, arrived.report.rows, names, None, key, counts, looked_at(path, arrived))


def looked_at(path: Path, arrived: Arrived | None = None) -> pd.DataFrame:
    """The records that the fields are looked at by: all, or a sample of a large table; at hand where the file is as it arrived."""
    rows = pq.read_metadata(path).num_rows
    most = rows if rows <= EXACT else SAMPLE
    at_hand = arrived is not None and path == arrived.path
    return as_columns(arrived.sample(most) if at_hand else chain.sample_of_file(path, most))


def _laid_over(
    work: Work,
    dataset: Dataset,
    before: Snapshot,
    path: Path,
    names: list[str],
    arrived: Arrived,
    folder: Path,
    same_fields: bool,
) -> _Kept | None:
    key, whole = dataset.key_field, folder / "whole.parquet"
    if not same_fields:
        wide = [*before.field_names, *(name for name in names if name not in before.field_names)]
        with workspace_scope(work.workspace_id):
            rows = chain.write_laid_over(before, path, wide, whole)
        return _Kept(whole, rows, wide, None, key, None, looked_at(whole))
    with workspace_scope(work.workspace_id):
        lay = (path, before, key, folder, arrived.fresh)
        counts = difference.against_changes(*lay)
        if arrived.keys is not None and arrived.total != counts.rows:
            # Only where the source holds fewer than we would are its keys worth asking for: some records are gone.
            arrived.keys(folder / "keys.parquet")
            counts = difference.against_changes(*lay, keys=folder / "keys.parquet")
        if counts.is_nothing:
            return None
        pays = _is_worth_a_difference(before, counts)
        if not pays or counts.rows <= EXACT:
            chain.write_laid_over(before, counts.path, before.field_names, whole)
    seen = looked_at(whole) if whole.exists() else None
    if pays:
        return _Kept(counts.path, counts.rows, before.field_names, before, key, counts, seen)
    return _Kept(whole, counts.rows, before.field_names, None, key, counts, seen)


def _is_worth_a_difference(before: Snapshot, counts: difference.Difference) -> bool:
    """Differences pile up until together they would weigh as much as the whole they rest on."""
    whole, following = chain.whole_and_differences(before)
    piled = sum((part.added or 0) + (part.changed or 0) + (part.gone or 0) for part in following)
    return piled + counts.added + counts.changed + counts.gone <= whole.rows


def _keep(
    work: Work,
    dataset: Dataset,
    before: Snapshot | None,
    kept: _Kept,
    arrived: Arrived,
    matched: Match,
    known: list[Field],
    steady: bool,
) -> Taken:
    chosen = {item.name: item.chosen_type for item in known if item.chosen_type}
    if arrived.accepted:
        for change in arrived.accepted.differences:
            if change["kind"] == "retyped":
                chosen.pop(change["field"], None)
    looks = look_at(work, kept.seen, chosen, known if steady else None) if kept.seen is not None else None
    work.stage("Keep the snapshot")
    number = before.number + 1 if before else 1
    key = storage.key_for(
        work.workspace_id, "datasets", dataset.id, "snapshots", f"{number}-{work.run_id}-{work.lease}.parquet"
    )
    with workspace_scope(work.workspace_id):
        refuse_snapshot(before, kept.rows, kept.path)
    sha256 = storage.put(kept.path, key)
    if kept.base is not None:
        sha256 = storage.sha256_of_text(f"{kept.base.sha256} {sha256}")
    with work.fenced():
        dataset = Dataset.objects.select_for_update().get(id=dataset.id)
        newest = newest_snapshot(dataset)
        if (newest.id if newest else None) != (before.id if before else None) or len(
            marks_of(dataset)
        ) != arrived.erased:
            raise MovedOn
        if looks is not None and not dataset.key_field:
            _choose_key(dataset, looks, kept)
        _refuse_repeats(dataset, kept, arrived)
        snapshot = Snapshot.objects.create(
            dataset=dataset, upload=arrived.upload, number=number, storage_key=key, sha256=sha256, rows=kept.rows, field_names=kept.names,
            rejected=arrived.report.rejected, notes=[*arrived.report.notes, *(c.words for c in matched.changes)][:50], origin=arrived.origin[:300],
            rejects=[{"line": reject.line, "field": reject.field, "reason": reject.reason} for reject in arrived.report.rejects],
            base=(kept.base if kept.base is None or kept.base.base_id is None else kept.base.base), bytes=kept.path.stat().st_size,
            keyed_by=kept.keyed_by, added=kept.counts.added if kept.counts else None,
            changed=kept.counts.changed if kept.counts else None, gone=kept.counts.gone if kept.counts else None,
        )  # fmt: skip
        if looks is not None:
            replace_fields(dataset, looks, forget=set(chosen) ^ {item.name for item in known if item.chosen_type})
        _settle(dataset, arrived)
        taken = Taken(
            "snapshot", number, arrived.report.rows, snapshot.added, snapshot.changed, snapshot.gone, [change.words for change in matched.changes]
        )  # fmt: skip
        note_outcome(work, taken)
    return taken


def _settle(dataset: Dataset, arrived: Arrived) -> None:
    """What follows from a table being taken in: accepted names stay known, a held one is decided, the source stands further on."""
    if arrived.accepted is not None:
        dataset.aliases |= {came: known for came, known in arrived.accepted.mapping.items() if came != known}
        HeldTable.objects.filter(id=arrived.accepted.id).update(state="accepted")
    HeldTable.objects.filter(dataset=dataset, state="open").update(state="superseded")
    if arrived.position is not None:
        Source.objects.filter(dataset=dataset).update(position=arrived.position)
    dataset.save()


def _note_unchanged(work: Work, dataset: Dataset, arrived: Arrived) -> Taken:
    taken = Taken("unchanged", read=arrived.report.rows)
    with work.fenced():
        _settle(Dataset.objects.select_for_update().get(id=dataset.id), arrived)
        note_outcome(work, taken)
    return taken


def _choose_key(dataset: Dataset, looks: list[Look], kept: _Kept) -> None:
    """The first id field that is always filled and never repeats is the key, until the user picks another."""
    for spec, _, facts in looks:
        if (
            spec.type == "id"
            and facts["distinct"] == facts["rows"]
            and difference.key_faults(kept.path, spec.name) == 0
        ):
            dataset.key_field = kept.keyed_by = spec.name
            return


def _refuse_repeats(dataset: Dataset, kept: _Kept, arrived: Arrived) -> None:
    if dataset.duplicates != "refuse" or not dataset.key_field or kept.base is not None:
        return
    keys = pq.read_table(kept.path, columns=[dataset.key_field]).column(0).to_pandas().dropna()
    repeated = int(keys.duplicated().sum())
    if repeated:
        example = keys[keys.duplicated()].iloc[0]
        raise WorkFailed(
            f"{arrived.origin} was refused, as you asked: {repeated:,} record{'s repeat' if repeated > 1 else ' repeats'} the {dataset.key_field} of another, such as {example}. "
            "Remove them from the file, or choose to keep the first or the last."
        )
