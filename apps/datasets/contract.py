"""The contract of a dataset: after its first snapshot its fields are promised, and each next table is matched to them.

What is safe is applied and said (order, letter case, notation, a new field). What could make scores wrong is held until somebody accepts
it (a field gone or renamed that predictions use, another type, a key that no longer names records, far fewer records).
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from apps.datasets.same_records import FEWEST_COMPARED, SameRecords
from einstein.ml.columns import text_codes
from einstein.ml.schema import FieldSpec, detect, parse
from einstein.ml.types import field_type
from einstein.ml.types.base import clean_text

SAME_VALUES = 0.8  # agreement beyond chance on the same records (Cohen's kappa; above .8 is "almost perfect", Landis and Koch 1977)
STRANGE = 0.2  # below, the same records hold other values than before ("slight" agreement, same source)
NAMES_ALIKE = 0.6
FIT_FOR_RENAME = 0.75  # of one field for another, from names and contents, where no records can be compared
CLEARLY_BETTER = 0.1
UNREADABLE_MORE = 0.2  # a field of which so many more values cannot be read has another type now
FEWER_ROWS = 0.5
SMALL = 100  # records; below, counts say nothing
MOST_REJECTED = 0.05  # of the lines (ours); more, and the table is held


@dataclass(frozen=True)
class Promised:
    """One field of the contract: what it was, and whether something stands on it."""

    name: str
    type: str
    options: dict[str, Any] = field(default_factory=dict)
    unreadable: float = 0.0  # share of filled values
    needed: bool = False
    key: bool = False
    chosen: bool = False  # the type is the user's decision


@dataclass(frozen=True)
class Change:
    """One way in which a table differs from the contract. `held` waits for a person; the rest was applied."""

    kind: str
    field: str
    words: str
    held: bool = False
    arrived: str = ""


@dataclass
class Match:
    """How a table fits: `mapping` gives the contract's name of each arriving name (itself for new fields)."""

    mapping: dict[str, str]
    changes: list[Change] = field(default_factory=list)

    @property
    def is_held(self) -> bool:
        return any(change.held for change in self.changes)

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(change) for change in self.changes]


def match(
    promised: list[Promised],
    arrived: list[str],
    aliases: dict[str, str],
    sample: pd.DataFrame,
    before: pd.DataFrame,
    forced_types: Iterable[str] = (),
    ours: bool = False,
) -> Match:
    """Match a table to a contract. The names of a table of `ours` were made by us, so none of them is another one in disguise.

    `arrived` are all names in their order; `sample` (some of its records) and `before` (records of the last good snapshot, the same keys
    where there is a key) are tables of strings. `forced_types` are fields whose new type was accepted.
    """
    names = {known.name: known for known in promised}
    mapping = _by_name(list(names), arrived, aliases)
    changes = [
        Change("recased", names[known].name, f"{came} is {known}, written otherwise.", arrived=came)
        for came, known in mapping.items()
        if came != known and aliases.get(came) != known
    ]
    missing = [known for known in names if known not in mapping.values()]
    extra = [came for came in arrived if came not in mapping]
    same = None if ours else _same_records(_key_of(promised, mapping), sample, before)
    pairs = [] if ours else _renamed(missing, extra, names, sample, before, same)
    for known, came, why in pairs:
        mapping[came] = known
        changes.append(
            Change("renamed", known, f"{known} seems to be called {came} now: {why}.", held=True, arrived=came)
        )
    renamed = {known for known, _, _ in pairs}
    changes += [_dropped(names[known]) for known in missing if known not in renamed]
    taken = set(mapping.values())
    for came in extra:
        if came not in mapping:
            mapping[came] = came if came not in taken else f"{came} (new)"
            changes.append(
                Change(
                    "added",
                    mapping[came],
                    f"{came} is new. It is kept; predictions use it when they are trained again.",
                    arrived=came,
                )
            )
    changes += _swapped(promised, mapping, same, sample, before) if same is not None else []
    changes += _reordered(list(names), arrived, mapping)
    changes += _retyped(promised, mapping, sample, set(forced_types))
    return Match(mapping, changes)


def judge_rows(rows: int, before_rows: int, rejected: int, key: str, key_faults: int) -> list[Change]:
    """What the whole table says: lines that could not be read, far fewer records, a key that repeats or is blank in many.

    `key_faults` counts records with a blank or repeated key, when the key named every record before.
    """
    changes = []
    if rejected > MOST_REJECTED * (rows + rejected):
        changes.append(
            Change(
                "rejects",
                "",
                f"{rejected:,} of {rows + rejected:,} lines could not be read; 5 in 100 is the limit.",
                held=True,
            )
        )
    if before_rows >= SMALL and rows < FEWER_ROWS * before_rows:
        changes.append(
            Change(
                "fewer",
                "",
                f"There are {rows:,} records instead of {before_rows:,}. It may be a part of the table only.",
                held=True,
            )
        )
    if key_faults:
        held = key_faults > MOST_REJECTED * rows
        words = f"{key} repeats or is blank in {key_faults:,} of {rows:,} records; before, it named each."
        changes.append(Change("key", key, words, held=held))
    return changes


def _by_name(known: list[str], arrived: list[str], aliases: dict[str, str]) -> dict[str, str]:
    """Exact names first, then what somebody accepted before, then the same letters and digits where that is unambiguous."""
    mapping = {name: name for name in arrived if name in known}
    for came in arrived:
        if came not in mapping and aliases.get(came) in known and aliases[came] not in mapping.values():
            mapping[came] = aliases[came]
    free_known = [name for name in known if name not in mapping.values()]
    free_came = [name for name in arrived if name not in mapping]
    by_letters: dict[str, list[str]] = {}
    for name in free_came:
        by_letters.setdefault(letters_of(name), []).append(name)
    for name in free_known:
        letters = letters_of(name)
        candidates = by_letters.get(letters, [])
        if letters and len(candidates) == 1 and sum(letters_of(other) == letters for other in free_known) == 1:
            mapping[candidates[0]] = name
    return mapping


def letters_of(name: str) -> str:
    """A name without case, accents, blanks and signs: "Straße Nr." -> "strassenr"."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in plain if letter.isalnum() and not unicodedata.combining(letter))


def _key_of(promised: list[Promised], mapping: dict[str, str]) -> tuple[str, str] | None:
    """(arriving name, contract's name) of the key, when the table has it."""
    key = next((known.name for known in promised if known.key), None)
    return next(((came, known) for came, known in mapping.items() if known == key), None)


def _renamed(
    missing: list[str],
    extra: list[str],
    names: dict[str, Promised],
    sample: pd.DataFrame,
    before: pd.DataFrame,
    same: SameRecords | None,
) -> list[tuple[str, str, str]]:
    """(contract's name, arriving name, evidence) of fields that seem to be the same, each used once, the surest first."""
    found = []
    for known in missing:
        for came in extra:
            if came in sample and known in before:
                fit, why = _fit(names[known], came, sample, before, same)
                found.append((fit, known, came, why))
    pairs, used = [], set()
    for fit, known, came, why in sorted(found, key=lambda entry: -entry[0]):
        rivals = [other for other, k, c, _ in found if (k == known) != (c == came) and not {k, c} & used]
        if fit < FIT_FOR_RENAME or {known, came} & used or any(fit - rival < CLEARLY_BETTER for rival in rivals):
            continue
        pairs.append((known, came, why))
        used |= {known, came}
    return pairs


def _fit(
    known: Promised, came: str, sample: pd.DataFrame, before: pd.DataFrame, same: SameRecords | None
) -> tuple[float, str]:
    """How likely an arriving field is a promised one, from 0 to 1, and why."""
    if same is not None:
        agreed = same.agreement(known.name, came)
        if agreed is not None:
            kappa, alike, compared = agreed
            words = f"{alike:,} of {compared:,} records hold the same value"
            return (kappa if kappa >= SAME_VALUES else min(kappa, 0.5)), words
    named = names_alike(known.name, came)
    content = contents_alike(known, before[known.name], sample[came])
    if named < NAMES_ALIKE:
        return min(0.7, content) * 0.9, "its values look alike"
    return 0.4 * named + 0.6 * content, "name and values look alike"


def names_alike(one: str, two: str) -> float:
    """How alike two names are, from 0 to 1: by their letters, and by words one of which begins the other ("qty", "quantity")."""
    whole = difflib.SequenceMatcher(None, letters_of(one), letters_of(two)).ratio()
    left, right = _words(one), _words(two)
    if not left or not right:
        return whole
    shared = sum(any(_begins(word, other) for other in right) for word in left) + sum(
        any(_begins(word, other) for other in left) for word in right
    )
    return max(whole, shared / (len(left) + len(right)))


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W_]+", spaced.casefold())


def _begins(one: str, two: str) -> bool:
    short, long = sorted((one, two), key=len)
    return len(short) >= 3 and long.startswith(short)


def contents_alike(known: Promised, before: pd.Series, now: pd.Series) -> float:
    """How alike the contents of two fields are, from 0 to 1: the shares of answers, or the spread of numbers and dates."""
    spec = FieldSpec(known.name, known.type, known.options)
    fresh = detect(known.name, now)
    if fresh.family != spec.family:
        return 0.0
    if spec.family in {"number", "date"}:
        left, right = parse(before, spec).dropna(), parse(now, fresh).dropna()
        if len(left) < FEWEST_COMPARED or len(right) < FEWEST_COMPARED:
            return 0.0
        both = pd.concat([left, right], ignore_index=True).rank(pct=True)
        return float(1 - 2 * abs(both[: len(left)].mean() - both[len(left) :].mean())) * (
            0.9 if known.type == fresh.type else 0.6
        )
    one, two = clean_text(before).value_counts(normalize=True), clean_text(now).value_counts(normalize=True)
    return float(pd.concat([one, two], axis=1).fillna(0).min(axis=1).sum())


def _dropped(known: Promised) -> Change:
    if known.key:
        return Change(
            "dropped",
            known.name,
            f"{known.name} is missing. It names the records, so nothing can be taken in without it.",
            held=True,
        )
    if known.needed:
        return Change(
            "dropped",
            known.name,
            f"{known.name} is missing, and predictions use it. Without it their scores would be wrong.",
            held=True,
        )
    return Change("dropped", known.name, f"{known.name} is no longer there. No prediction uses it.")


def _same_records(key: tuple[str, str] | None, sample: pd.DataFrame, before: pd.DataFrame) -> SameRecords | None:
    return SameRecords(before, key[1], sample, key[0]) if key and key[0] in sample and key[1] in before else None


def _swapped(
    promised: list[Promised], mapping: dict[str, str], same: SameRecords, sample: pd.DataFrame, before: pd.DataFrame
) -> list[Change]:
    """Names that stayed while their contents changed places: the same records hold one another's values."""
    keys = {known.name for known in promised if known.key}
    arriving = {
        known: came for came, known in mapping.items() if came in sample and known in before and known not in keys
    }
    strangers = []
    for known, came in arriving.items():
        if same.plainly_agree(known, came, STRANGE):
            continue
        agreed = same.agreement(known, came)
        if agreed is not None and agreed[0] < STRANGE:
            strangers.append(known)
    changes = []
    for known in strangers:
        for other in strangers:
            if other == known or not same.may_agree(known, arriving[other]):
                continue
            agreed = same.agreement(known, arriving[other])
            if agreed is not None and agreed[0] >= SAME_VALUES:
                words = f"The values of {known} now stand under {other}."
                changes.append(Change("swapped", known, words, held=True, arrived=arriving[other]))
    return changes


def _reordered(known: list[str], arrived: list[str], mapping: dict[str, str]) -> list[Change]:
    now = [mapping[came] for came in arrived if mapping.get(came) in known]
    was = [name for name in known if name in now]
    return [Change("reordered", "", "The fields come in another order. That changes nothing.")] if now != was else []


def _retyped(
    promised: list[Promised], mapping: dict[str, str], sample: pd.DataFrame, accepted: set[str]
) -> list[Change]:
    changes = []
    arriving = {known: came for came, known in mapping.items()}
    for known in promised:
        came = arriving.get(known.name)
        if came is None or came not in sample or known.name in accepted:
            continue
        change = _type_change(known, sample[came])
        if change is not None:
            changes.append(change)
    return changes


def _type_change(known: Promised, values: pd.Series) -> Change | None:
    """Whether values still read as the promised type: another notation is applied, another kind of thing is held."""
    if field_type(known.type).family not in {"number", "date"}:
        return None
    texts = text_codes(values)
    counts = np.bincount(texts.codes[texts.codes >= 0], minlength=len(texts.levels))
    if counts.sum() < FEWEST_COMPARED:
        return None
    fresh = detect(known.name, texts, known.type)
    bad = parse(pd.Series(texts.levels, dtype="object"), fresh).isna().to_numpy()
    unreadable = counts[bad].sum() / counts.sum()
    if unreadable > known.unreadable + UNREADABLE_MORE:
        example = texts.levels[int(np.flatnonzero(bad)[0])]
        title, now = field_type(known.type).title, field_type(detect(known.name, texts).type).title
        held = known.needed or known.key or known.chosen
        words = f"{known.name} is of the type {title}, but {unreadable:.0%} of its values do not fit that now, such as {example[:60]}. They look like {now}."
        return Change("retyped", known.name, words, held=held)
    if known.type == "date" and fresh.options != known.options and known.options.get("formats"):
        return Change(
            "notation",
            known.name,
            f"{known.name} is written otherwise now, such as {texts.levels[0][:40]}. It is read so.",
        )
    return None
