"""No backup was made and came back whole for twice the time between two."""

from apps.monitoring.backups import sees_old
from apps.monitoring.faults import Fault

FAULT = Fault(
    kind="backup_old",
    title="The last good backup is old",
    advice="What was done since would be lost with this machine. See on the console why there is none.",
    order=10,
    see=sees_old,
)
