"""Dates that lie after the record's own time: what they tell was not known then."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from einstein.ml.guards.base import Finding, Guard, Subject

DAY = 86400.0
LEAST_LATER = 0.5  # of the filled records
LEAST_RECORDS = 20


class Later(Guard):
    name, title, order = "later", "Later than the record", 40
    source = "ours; the time field says when a record was as it is"

    def look(self, subject: Subject) -> Iterable[Finding]:
        base = subject.columns.get(subject.time_field or "")
        if base is None or base.numbers is None:
            return
        for spec, column in subject.fields:
            if spec.family != "date" or spec.name == subject.time_field:
                continue
            both = ~np.isnan(column.values) & ~np.isnan(base.values)
            later = (column.values - base.values)[both] >= DAY
            if both.sum() >= LEAST_RECORDS and later.mean() >= LEAST_LATER:
                reason = f"It is later than {subject.time_field} in {later.sum():,} of {both.sum():,} records. Keep it only if it is known in advance, like a due date."
                yield Finding(spec.name, "later", False, reason, float(later.mean()))


GUARD = Later()
