"""The clock has stopped. It cannot see that itself: a web process looks, and the clock's own round says that it lives again."""

from apps.monitoring.faults import Fault

FAULT = Fault(
    kind="clock_dead",
    title="The clock has stopped",
    advice="No runs are planned, no checks are made and no mail leaves until it is started again.",
    order=1,
    see=lambda: "",
    holds=0,
    calm=0,
)
