"""What each field of a table holds: its type, detected or as before, and its profile."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from django.db import connection

from apps.datasets.models import Dataset, Field
from apps.datasets.steady import STEADY
from apps.runs.lease import Work
from apps.workspaces.scope import current_workspace_id
from einstein.ml.columns import Texts, text_codes
from einstein.ml.profile import profile_field
from einstein.ml.schema import FieldSpec, detect

SLIP = 0.01  # of the filled values: so many more may be unreadable before a field's type is asked anew
# Kept from when a type was guessed: measured against the night before, a field could creep.
COUNTS = ("filled", "distinct", "unreadable")

# By hand, because a query set sends several profiles as an array, in which psycopg escapes each quotation mark by a regular expression.
KEEP_FIELDS = """
INSERT INTO datasets_field (workspace_id, dataset_id, name, position, detected_type, chosen_type, profile)
SELECT %s, %s, name, position, detected_type, chosen_type, profile
  FROM json_to_recordset(%s) AS f(name text, position integer, detected_type text, chosen_type text, profile jsonb)
    ON CONFLICT (dataset_id, name) DO UPDATE SET position = EXCLUDED.position, detected_type = EXCLUDED.detected_type,
       chosen_type = EXCLUDED.chosen_type, profile = EXCLUDED.profile
"""

Look = tuple[FieldSpec, str, dict[str, Any]]


def look_at(work: Work, table: pd.DataFrame, chosen: dict[str, str], known: list[Field] | None = None) -> list[Look]:
    """Each field's type as decided, its type as detected, and what it holds.

    `known` are the fields of the snapshot before where most records are as they were in it: then a field that still reads well keeps its type,
    which would otherwise flip back and forth over a few records, and need not be guessed again.
    """
    names, before = list(table.columns), {field.name: field for field in known or []}
    work.stage(f"Look at {len(names):,} fields", f"{len(table):,} records")
    looks = []
    for number, name in enumerate(names):
        if number % 50 == 0:
            work.progress(done=number, total=len(names), unit="fields")
        texts = text_codes(table[name])
        looks.append(_as_before(texts, before.get(name), chosen) or _anew(name, texts, chosen))
    return looks


def _as_before(texts: Texts, known: Field | None, chosen: dict[str, str]) -> Look | None:
    """The field by the type it had; None where it has none, somebody decided otherwise, or it no longer is what was guessed from."""
    if known is None or known.chosen_type != chosen.get(known.name, ""):
        return None
    told = known.profile.get("guessed")
    if told is None:
        return None
    spec = FieldSpec(known.name, known.type, known.profile.get("options", {}))
    facts = profile_field(texts, spec)
    unreadable = told["unreadable"] / max(1, told["filled"]) + SLIP
    grown = any(told[count] < STEADY * facts[count] for count in ("filled", "distinct"))
    if grown or facts["unreadable"] > unreadable * facts["filled"]:
        return None
    return spec, known.detected_type, facts | {"guessed": told}


def _anew(name: str, texts: Texts, chosen: dict[str, str]) -> Look:
    detected = detect(name, texts)
    spec = detect(name, texts, chosen[name]) if name in chosen else detected
    facts = profile_field(texts, spec)
    return spec, detected.type, facts | {"guessed": {count: facts[count] for count in COUNTS}}


def replace_fields(dataset: Dataset, looks: list[Look], forget: set[str]) -> None:
    """Fields follow the newest snapshot; what the user chose stays with fields of the same name, but those to `forget`."""
    known = dict(Field.objects.filter(dataset=dataset).values_list("name", "chosen_type"))
    rows = [
        {
            "name": spec.name, "position": position, "detected_type": detected,
            "chosen_type": known.get(spec.name, "") if spec.name not in forget else "", "profile": facts | {"options": spec.options},
        }
        for position, (spec, detected, facts) in enumerate(looks)
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(KEEP_FIELDS, [current_workspace_id(), dataset.id, json.dumps(rows)])
    gone = set(known) - {row["name"] for row in rows}
    if gone:
        Field.objects.filter(dataset=dataset, name__in=gone).delete()
