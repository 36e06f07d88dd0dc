"""Data is in range: no field is empty, in another unit, beyond its usual range, renamed, swapped, constant or unreadable.

What is usual at this size and how sure one must be is decided by `einstein.ml.watch`; at the first scoring of a version only what differs
grossly from training is told (`apps.monitoring.training_range`).
"""

from __future__ import annotations

from apps.monitoring.checks import Check, Facts, Finding
from einstein.web.templatetags.words import plural

KINDS = [
    "gone",
    "empty",
    "blank",
    "constant",
    "unit",
    "sign",
    "range",
    "swapped",
    "unreadable",
    "sentinel",
    "repeated",
    "renamed",
    "unseen",
    "filled",
]
TITLES = {
    "gone": "{field} is gone", "empty": "{field} is empty", "blank": "{field} has lost values", "constant": "{field} is the same in every record",
    "unit": "{field} seems to be in another unit", "sign": "{field} has changed its sign", "range": "{field} is out of range", "swapped": "{field} seems to be swapped with another field",
    "unreadable": "{field} can no longer be read", "sentinel": "{field} holds placeholders", "repeated": "{field} repeats one value", "renamed": "answers of {field} are written otherwise",
    "unseen": "{field} has new answers", "filled": "{field} is filled more often",
}  # fmt: skip
WHY = {
    "gone": "The field was renamed or is no longer sent.", "empty": "The source no longer fills this field, or its name has changed.",
    "blank": "The source fills this field less often, or a part of the records comes from elsewhere.", "constant": "The source puts one value everywhere, perhaps a default.",
    "unit": "The source now sends another unit or currency.", "sign": "The source now counts the other way round.", "range": "The values really changed, or they now come in another unit.",
    "swapped": "Two columns changed places at the source.", "unreadable": "The source writes this field in another way.", "sentinel": "The source writes a number where it has no value.",
    "repeated": "The source puts one value where it has none, or a part of the records was copied.", "renamed": "The source spells its answers otherwise.",
    "unseen": "New answers were introduced, or known ones are now spelt differently.", "filled": "The source fills this field more often than before.",
}  # fmt: skip
OTHERS_SHOWN = 3


def judge(facts: Facts) -> Finding:
    if facts.look is None:
        return Finding(None, "No records to look at yet.")
    alarms = facts.alarms(*(f"field_{kind}" for kind in KINDS))
    if not alarms:
        return Finding(False, f"All {len(facts.look['fields'])} fields look as usual.")
    worst, more = alarms[0], alarms[1:]
    fields = f" and {len(more)} more field{'s' if len(more) > 1 else ''}" if more else ""
    count = facts.look["records"]
    answers = {
        "what": " ".join(alarm["message"] for alarm in alarms[: OTHERS_SHOWN + 1]),
        "since": facts.since(alarms),
        "why": WHY.get(worst["cause"], WHY["range"]),
        "affects": f"The scores of these {plural(facts.noun)} are less certain. All {count:,} scores are still shown.",
        "fields": [alarm["field"] for alarm in alarms],
        "todo": [
            ["If the values are right,", "train again, so that the model learns them. It changes nothing until you enable it."],
            ["If the values are wrong,", "correct them in the source; the next records are checked by themselves."],
        ],
    }  # fmt: skip
    title = f"{facts.name}: {TITLES.get(worst['cause'], TITLES['range']).format(field=worst['field'])}{fields}"
    return Finding(True, worst["message"], worst["severity"], title, answers, cause="dataset")


CHECK = Check("data_in_range", "Data is in range", 3, judge)
