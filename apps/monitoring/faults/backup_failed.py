"""The last backup by the clock could not be made, or did not come back whole."""

from apps.monitoring.backups import sees_failed
from apps.monitoring.faults import Fault

FAULT = Fault(
    kind="backup_failed",
    title="The last backup failed",
    advice="It is tried again every hour; earlier good ones stay.",
    order=9,
    see=sees_failed,
)
