"""`manage.py drain on|off|wait`: hand out no new work, wherever a deploy needs it."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from apps.console.log import note
from apps.runs.drain import NoSuchPart, drain, in_hand, lift, under_way
from apps.runs.models import Drain

LOOKS_EVERY = 1.0


class Command(BaseCommand):
    help = "Hand out no new runs (on), hand out again (off), or wait until what is under way has ended (wait)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("deed", choices=["on", "off", "wait"])
        parser.add_argument("--queue", default="", help="only this queue")
        parser.add_argument("--host", default="", help="only the workers of this host")
        parser.add_argument("--seconds", type=float, default=7 * 3600, help="how long to wait at most")

    def handle(self, *args: Any, deed: str, queue: str, host: str, seconds: float, **options: Any) -> None:
        if queue and host:
            raise CommandError("Name a queue or a host, not both.")
        part, name = ("queue", queue) if queue else ("host", host) if host else ("all", "")
        try:
            {"on": self._on, "off": self._off, "wait": self._wait}[deed](part, name, seconds)
        except NoSuchPart as problem:
            raise CommandError(str(problem)) from problem

    def _on(self, part: str, name: str, seconds: float) -> None:
        with transaction.atomic():
            if drain(part, name):
                note(None, "drained", f"{part} {name}".strip())
        self.stdout.write(f"Nothing new is handed out. {under_way(part, name, in_hand())} under way.")

    def _off(self, part: str, name: str, seconds: float) -> None:
        with transaction.atomic():
            if lift(part, name):
                note(None, "drain lifted", f"{part} {name}".strip())
        self.stdout.write("Runs are handed out again.")

    def _wait(self, part: str, name: str, seconds: float) -> None:
        if not Drain.objects.filter(part=part, name=name).exists():
            raise CommandError("It is not drained, so it would never be empty. Run `drain on` first.")
        until = time.monotonic() + seconds
        while left := under_way(part, name, in_hand()):
            if time.monotonic() > until:
                raise CommandError(f"{left} still under way after {seconds:.0f} seconds.")
            time.sleep(LOOKS_EVERY)
        self.stdout.write("Empty.")
