"""Far more Runs fail than usual. The usual share is that of the week before; with few Runs nothing is said.

The hour's failures are compared with what a binomial count of the usual share would be (Wilson's lower bound, z = 3: once in 700 looks by chance;
looks overlap, so this must also hold for a while).
"""

from math import sqrt

from django.db import connection

from apps.monitoring.faults import Fault

LEAST_FAILED, LEAST_ENDED = 5, 20
TIMES_USUAL, LEAST_SHARE, Z = 3.0, 0.05, 3.0


def see() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ended, failed, ended_before, failed_before FROM failure_shares()")
        ended, failed, ended_before, failed_before = cursor.fetchone()
    usual = (failed_before + 1) / (ended_before + 20)  # nothing known yet: one in twenty
    if not is_unusual(ended, failed, usual):
        return ""
    return f"{failed:,} of {ended:,} runs failed within the hour, {failed / ended:.0%}; usual is {usual:.1%}."


def is_unusual(ended: int, failed: int, usual: float) -> bool:
    """Whether so many failures are surely more than `TIMES_USUAL` times the usual share, and enough to speak of."""
    if failed < LEAST_FAILED or ended < LEAST_ENDED:
        return False
    return lower_bound(failed, ended) > max(usual * TIMES_USUAL, LEAST_SHARE)


def lower_bound(failed: int, ended: int) -> float:
    """The share that is surely reached (Wilson 1927)."""
    share = failed / ended
    middle = share + Z**2 / (2 * ended)
    return (middle - Z * sqrt(share * (1 - share) / ended + Z**2 / (4 * ended**2))) / (1 + Z**2 / ended)


FAULT = Fault(
    kind="failures_many",
    title="Far more runs fail than usual",
    advice="See at /console/failures/ which cause has the most, and mend that; then retry all of it.",
    order=6,
    see=see,
    holds=300,
    calm=1200,
)
