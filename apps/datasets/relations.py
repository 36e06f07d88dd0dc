"""Which datasets have records that belong to those of another: found by the names and contents of their fields, with what is sensible to take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from django.db.models import Q, QuerySet

from apps.datasets import chain
from apps.datasets.contract import letters_of
from apps.datasets.joins import AMOUNTS, EVER, Join
from apps.datasets.models import Dataset, Enrichment, Field, Snapshot
from apps.datasets.records import newest_snapshot, specs_of
from einstein.ml.reader.table import as_frame
from einstein.ml.schema import FieldSpec, parse
from einstein.ml.types.base import clean_text

LINKS = {"id", "text", "category", "email", "number", "quantity", "phone"}
STATES = {"category", "yes_no"}
LOOKED_AT = 5000  # records of a related dataset
MOST_CANDIDATES = 12  # datasets that are looked at, the newest first
ALWAYS = 0.95  # of the records must have a date that could be looked back from
NEEDED_SHARE = 0.5  # of the related records must name a record of the base
MOST_KEYS = 500_000  # of the base; larger ones are joined by hand
MOST_LEVELS = 30  # different values of a field whose latest one is worth a field
MOST_AMOUNTS, MOST_STATES = 2, 1


@dataclass(frozen=True)
class Relation:
    """A dataset whose records belong to those of another, and the join we propose. `share` of what was looked at names a record."""

    dataset: Dataset
    share: float
    a_record: float  # related records for each that has any, of those looked at
    join: Join
    reference_field: str  # a date of the base that suits as the day to look back from, or ""


def relations_of(base: Dataset) -> list[Relation]:
    """Datasets with records that belong to `base`'s, the best match first. Looks at samples; writes nothing."""
    snapshot = newest_snapshot(base)
    if (
        snapshot is None
        or not base.key_field
        or base.key_field not in snapshot.field_names
        or snapshot.rows > MOST_KEYS
    ):
        return []
    keys = _keys(snapshot, base.key_field)
    looked_at = joinable(base).filter(state="active").order_by("-updated_at")[:MOST_CANDIDATES]
    found = [_relation(base, snapshot, keys, other) for other in looked_at]
    return sorted((each for each in found if each), key=lambda each: -each.share)


def relation_between(base: Dataset, other: Dataset) -> Relation | None:
    """How one dataset belongs to another, or None when it does not seem to."""
    snapshot = newest_snapshot(base)
    if not _is_joinable(base, snapshot):
        return None
    return _relation(base, snapshot, _keys(snapshot, base.key_field), other)


def _is_joinable(base: Dataset, snapshot: Snapshot | None) -> bool:
    return snapshot is not None and base.key_field in snapshot.field_names and snapshot.rows <= MOST_KEYS


def joinable(base: Dataset) -> QuerySet[Dataset]:
    """Datasets that may be joined to `base`: others, not deleted, not made of joins themselves, with a date to look back by."""
    dated = Field.objects.filter(Q(detected_type="date") | Q(chosen_type="date")).values("dataset_id")
    made = Enrichment.objects.values("dataset_id")
    return Dataset.objects.exclude(state="deleted").filter(id__in=dated).exclude(id=base.id).exclude(id__in=made)


def reference_of(relations: list[Relation]) -> str:
    """The one day to look back from, for several relations taken at once."""
    return next((each.reference_field for each in relations if each.reference_field), "")


def proposed_join(base: Dataset, other: Dataset, link: str, moment: str, sample: pd.DataFrame) -> Join:
    """What is sensible to take of a related dataset: how many, sums of amounts, days since the last, the latest state."""
    specs = specs_of(other)
    facts = {item.name: item.profile for item in Field.objects.filter(dataset=other)}
    others = [spec for spec in specs.values() if spec.name not in {link, moment, other.key_field}]
    amounts = [spec.name for spec in others if spec.type in AMOUNTS and facts[spec.name].get("distinct", 0) > 2]
    amounts.sort(key=lambda name: specs[name].type != "money")
    states = [
        spec.name for spec in others
        if spec.type in STATES and 1 < facts[spec.name].get("distinct", 0) <= MOST_LEVELS
    ]  # fmt: skip
    return Join(
        other.id, other.name[:60], base.key_field, link, moment, _windows(sample, moment, specs), sums=amounts[:MOST_AMOUNTS], latest=states[:MOST_STATES],
    )  # fmt: skip


def _windows(sample: pd.DataFrame, moment: str, specs: dict[str, FieldSpec]) -> list[int]:
    """Windows that the related records span at least twice; else all of the past."""
    dates = parse(sample[moment], specs[moment]).dropna() if moment in sample else pd.Series(dtype="datetime64[us]")
    span = (dates.quantile(0.99) - dates.quantile(0.01)).days if len(dates) else 0
    return [days for days in (90, 365) if span >= 2 * days] or [days for days in (30,) if span >= 2 * days] or [EVER]


def _relation(base: Dataset, snapshot: Snapshot, keys: pd.Index, other: Dataset) -> Relation | None:
    found = newest_snapshot(other)
    if found is None:
        return None
    specs, sample = specs_of(other), chain.sample_of(found, LOOKED_AT)
    moment = _fullest(sample, [name for name, spec in specs.items() if spec.type == "date"])
    shares = {
        name: _share(sample[name], keys) for name, spec in specs.items() if spec.type in LINKS and name in sample and name != other.key_field
    }  # fmt: skip
    if not moment or not shares:
        return None
    alike = letters_of(base.key_field)
    link = max(shares, key=lambda name: (round(shares[name], 2), letters_of(name) == alike))
    if shares[link] < NEEDED_SHARE:
        return None
    linked = clean_text(sample[link]).dropna()
    join = proposed_join(base, other, link, moment, sample)
    reference = _reference(base, snapshot, sample, join, specs)
    return Relation(other, shares[link], len(linked) / max(1, linked.nunique()), join, reference)


def _keys(snapshot: Snapshot, key_field: str) -> pd.Index:
    """The base's keys, in an index that is hashed once for all that is looked up in it."""
    keys = pc.unique(pc.utf8_trim_whitespace(chain.table_of(snapshot, [key_field]).column(0))).drop_null()
    return pd.Index(keys.to_pandas())


def _share(values: pd.Series, keys: pd.Index) -> float:
    """Share of the filled values that name a record of the base."""
    filled = clean_text(values).dropna()
    return float((keys.get_indexer(filled) >= 0).mean()) if len(filled) else 0.0


def _fullest(sample: pd.DataFrame, names: list[str]) -> str:
    return max((name for name in names if name in sample), key=lambda name: int(sample[name].notna().sum()), default="")


def _is_always_filled(item: Field) -> bool:
    """A date that only some records have is often the day of the outcome, which open records lack."""
    return item.profile.get("filled", 0) >= ALWAYS * max(1, item.profile.get("rows", 0))


def _reference(base: Dataset, snapshot: Snapshot, sample: pd.DataFrame, join: Join, specs: dict[str, FieldSpec]) -> str:
    """A date of the base before which most of the related records lie: then it is the day of a decision, not of a beginning."""
    own = specs_of(base)
    fields = Field.objects.filter(dataset=base)
    dates = [item.name for item in fields if item.type == "date" and _is_always_filled(item)]
    dates = [name for name in dates if name in snapshot.field_names]
    if not dates:
        return ""
    linked = clean_text(sample[join.link])
    table = as_frame(chain.table_of(snapshot, [join.key, *dates]))
    table.index = pd.Index(clean_text(table[join.key]))
    table = table[table.index.isin(linked.dropna().unique()) & ~table.index.duplicated()]
    moments = parse(sample[join.moment], specs[join.moment])
    best, share = "", NEEDED_SHARE
    for name in dates:
        references = parse(table[name], own[name]).reindex(linked)
        known = references.notna().to_numpy() & moments.notna().to_numpy()
        before = float(np.mean(moments.to_numpy()[known] < references.to_numpy()[known])) if known.any() else 0.0
        if before > share:
            best, share = name, before
    return best
