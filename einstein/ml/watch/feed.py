"""What is wrong with a batch as a whole: nothing in it, a field gone, records that came before or come twice, too many or too few."""

from __future__ import annotations

from einstein.ml.schema import FieldSpec
from einstein.ml.watch.alarms import Alarm
from einstein.ml.watch.content import Repeats
from einstein.ml.watch.table import Batch
from einstein.ml.watch.wording import plain


def empty_alarm() -> Alarm:
    """For a batch without records."""
    return Alarm("feed", "empty_batch", None, "critical", "The batch holds no records.", 1e6, "empty")


def gone_alarm(name: str, table: Batch, specs: list[FieldSpec]) -> Alarm:
    """For a field that is not there; a new field of nearly the same name is pointed out."""
    known = {spec.name for spec in specs}
    like = [other for other in table.columns if other not in known and plain(other) == plain(name)]
    hint = f" There is a field {like[0]} now; it may have been renamed." if like else ""
    return Alarm("field", "field_gone", name, "warning", f"The field {name} is gone.{hint}", 1e6, "gone")


def repeat_alarms(repeats: Repeats, key: str | None) -> list[Alarm]:
    """At most one: what repeats is told once, the plainest first."""
    if repeats.same_as is not None:
        words = f"The batch holds the same records as batch {repeats.same_as}. The source may have stopped sending new ones."
        return [Alarm("feed", "stale_batch", None, "critical", words, 1e6, "stale")]
    if repeats.doubled:
        return [
            Alarm("feed", "duplicated_batch", None, "warning", "Every record is in the batch twice.", 1e6, "duplicated")
        ]
    if repeats.keys_strange:
        words = f"{repeats.keys:.0%} of the records have a {key} that another record of the batch has too. They should be different."
        return [Alarm("feed", "repeated_keys", key, "warning", words, 1e5, "repeated_keys")]
    if repeats.rows_strange:
        return [
            Alarm(
                "feed",
                "duplicated_batch",
                None,
                "warning",
                f"{repeats.rows:.0%} of the records are in the batch more than once.",
                1e5,
                "duplicated",
            )
        ]
    if repeats.old_strange:
        words = f"{repeats.old:.0%} of the records were in the batch before already. The source may have stopped sending new ones."
        return [Alarm("feed", "stale_batch", None, "warning", words, 1e5, "stale")]
    return []


def volume_alarm(rows: int, factor: float) -> Alarm:
    """`factor` is how many times the usual number it is."""
    cut = " The batch may be cut off." if factor < 1 else ""
    words = f"{rows:,} records arrived; about {rows / factor:,.0f} are usual.{cut}"
    return Alarm("feed", "volume", None, "warning", words, 50.0, "volume")
