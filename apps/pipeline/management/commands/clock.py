"""`manage.py clock`: the process that hands out work, checks and sends mail."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.pipeline.clock import run_clock
from apps.runs.die_with_parent import die_with_parent
from einstein.postgres.safety import start_safely
from einstein.stop_signals import stop_signals
from einstein.temporary import use_own_folder


class Command(BaseCommand):
    help = "Hand out due work, run the checks, send the mail. Several may run."

    def handle(self, *args: Any, **options: Any) -> None:
        start_safely()
        die_with_parent()
        use_own_folder()
        run_clock(stop_signals())
