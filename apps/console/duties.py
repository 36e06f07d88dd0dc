"""What the clock does for the operators; it finds this module by its name."""

from apps.console.backup_schedule import back_up_when_due

DUTIES = [("backup", back_up_when_due, 60.0)]
