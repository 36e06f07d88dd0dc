"""Reading an upload into an immutable snapshot: bytes as received -> typed fields with profiles and a list of rejects."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from apps.datasets.models import Dataset, Field, Snapshot, Upload
from apps.runs.lease import Work, WorkFailed
from apps.workspaces.scope import workspace_scope
from einstein import storage
from einstein.ml.errors import DataProblem
from einstein.ml.profile import profile_field
from einstein.ml.reader import ReadReport, read_to_parquet
from einstein.ml.reader.table import load_snapshot
from einstein.ml.schema import FieldSpec, detect


def ingest(work: Work) -> None:
    """Read one upload. Safe to run twice: an upload has at most one snapshot."""
    with workspace_scope(work.workspace_id):
        upload = Upload.objects.select_related("dataset").get(id=work.params["upload"])
        if Snapshot.objects.filter(upload=upload).exists():
            return
        chosen = dict(
            Field.objects.filter(dataset=upload.dataset).exclude(chosen_type="").values_list("name", "chosen_type")
        )
    work.stage(f"Read {upload.filename}")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "snapshot.parquet"
        report = _read(upload, target)
        work.stage(f"Look at {len(report.fields):,} fields", f"{report.rows:,} records")
        table = load_snapshot(target)
        fields = [
            _look_at(work, table, name, number, len(report.fields), chosen.get(name))
            for number, name in enumerate(report.fields)
        ]
        work.stage("Keep the snapshot")
        _keep(work, upload, report, fields, table, target)


def _read(upload: Upload, target: Path) -> ReadReport:
    try:
        with storage.local_copy(upload.storage_key) as path:
            return read_to_parquet(path, target, upload.filename)
    except DataProblem as problem:
        raise WorkFailed(f"{upload.filename} could not be used. {problem}") from problem


def _look_at(
    work: Work, table: pd.DataFrame, name: str, number: int, count: int, chosen: str | None
) -> tuple[FieldSpec, str, dict]:
    if number % 50 == 0:
        work.progress(done=number, total=count, unit="fields")
    detected = detect(name, table[name])
    spec = detect(name, table[name], chosen) if chosen else detected
    return spec, detected.type, profile_field(table[name], spec)


def _keep(
    work: Work,
    upload: Upload,
    report: ReadReport,
    fields: list[tuple[FieldSpec, str, dict]],
    table: pd.DataFrame,
    path: Path,
) -> None:
    with work.fenced():
        dataset = Dataset.objects.select_for_update().get(id=upload.dataset_id)
        _choose_key(dataset, fields, report)
        _refuse_repeats(dataset, table, upload)
        number = (
            Snapshot.objects.filter(dataset=dataset).order_by("-number").values_list("number", flat=True).first() or 0
        ) + 1
        key = storage.key_for(
            work.workspace_id, "datasets", dataset.id, "snapshots", f"{number}-{work.run_id}-{work.lease}.parquet"
        )
        sha256 = storage.put(path, key)
        Snapshot.objects.create(
            dataset=dataset, upload=upload, number=number, storage_key=key, sha256=sha256, rows=report.rows, field_names=report.fields,
            rejected=report.rejected, notes=report.notes[:50],
            rejects=[{"line": reject.line, "field": reject.field, "reason": reject.reason} for reject in report.rejects],
        )  # fmt: skip
        _replace_fields(dataset, fields)
        dataset.save()


def _choose_key(dataset: Dataset, fields: list[tuple[FieldSpec, str, dict]], report: ReadReport) -> None:
    """The first id field that is always filled and never repeats is the key, until the user picks another."""
    names = {spec.name for spec, _, _ in fields}
    if dataset.key_field and dataset.key_field not in names:
        raise WorkFailed(
            f"The file has no field {dataset.key_field}, which names the records of {dataset.name}. "
            "Add it to the file, or pick another key field first."
        )
    if not dataset.key_field:
        unique = [spec.name for spec, _, facts in fields if spec.type == "id" and facts["distinct"] == report.rows]
        dataset.key_field = unique[0] if unique else ""


def _refuse_repeats(dataset: Dataset, table: pd.DataFrame, upload: Upload) -> None:
    if dataset.duplicates != "refuse" or not dataset.key_field:
        return
    keys = table[dataset.key_field].dropna()
    repeated = int(keys.duplicated().sum())
    if repeated:
        example = keys[keys.duplicated()].iloc[0]
        raise WorkFailed(
            f"{upload.filename} was refused, as you asked: {repeated:,} record{'s repeat' if repeated > 1 else ' repeats'} the {dataset.key_field} of another, such as {example}. "
            "Remove them from the file, or choose to keep the first or the last."
        )


def _replace_fields(dataset: Dataset, fields: list[tuple[FieldSpec, str, dict]]) -> None:
    """Fields follow the newest snapshot; what the user chose stays with fields of the same name."""
    known = {field.name: field for field in Field.objects.filter(dataset=dataset)}
    fresh = []
    for position, (spec, detected, facts) in enumerate(fields):
        facts = facts | {"options": spec.options}
        field = known.pop(spec.name, None)
        if field is None:
            fresh.append(
                Field(dataset=dataset, name=spec.name, position=position, detected_type=detected, profile=facts)
            )
            continue
        field.position, field.detected_type, field.profile = position, detected, facts
        field.save(update_fields=["position", "detected_type", "profile"])
    Field.objects.bulk_create(fresh, batch_size=1000)
    Field.objects.filter(id__in=[field.id for field in known.values()]).delete()
