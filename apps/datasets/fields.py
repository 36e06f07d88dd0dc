"""The user's decisions about fields: their types, and which one names the records."""

from __future__ import annotations

from apps.datasets.models import DUPLICATE_POLICIES, Dataset, Field
from apps.datasets.records import load, newest_snapshot
from apps.workspaces import audit
from apps.workspaces.models import User
from einstein.ml.profile import profile_field
from einstein.ml.schema import detect


def choose_type(field: Field, type_name: str, user: User) -> Field:
    """Read a field as another type from now on, and show at once what that finds."""
    snapshot = newest_snapshot(field.dataset)
    if snapshot is not None:
        values = load(snapshot, [field.name])[field.name]
        spec = detect(field.name, values, type_name)
        field.profile = profile_field(values, spec) | {"options": spec.options}
    audit.record(user, "field type changed", f"{field.dataset.name}: {field.name}", before=field.type, after=type_name)
    field.chosen_type = type_name
    field.save(update_fields=["chosen_type", "profile"])
    return field


def choose_key(dataset: Dataset, key_field: str, duplicates: str, user: User) -> None:
    """Pick the field that names the records, and what to do when it repeats."""
    known = set(Field.objects.filter(dataset=dataset).values_list("name", flat=True))
    dataset.key_field = key_field if key_field in known else ""
    dataset.duplicates = duplicates if duplicates in DUPLICATE_POLICIES else "last"
    dataset.save(update_fields=["key_field", "duplicates"])
    audit.record(user, "key field chosen", dataset.name, key=dataset.key_field, duplicates=dataset.duplicates)
