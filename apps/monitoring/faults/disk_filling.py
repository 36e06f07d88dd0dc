"""A disk is nearly full, or will be within two weeks: below a floor nothing new is begun, and a full one stops the database."""

from apps.monitoring.disk import disks
from apps.monitoring.faults import Fault


def see() -> str:
    filling = [one for one in disks() if one.is_filling]
    return " ".join(f"{one.name} has {one.share_free:.0%} left. {one.forecast.words}" for one in filling)[:400]


FAULT = Fault(
    kind="disk_filling",
    title="A disk is filling up",
    advice="Before it is full, uploads and trainings are refused. Make room or take a larger disk.",
    order=8,
    see=see,
    calm=3600,
)
