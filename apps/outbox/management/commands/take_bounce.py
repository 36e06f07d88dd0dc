"""`manage.py take_bounce < mail`: what the mail server pipes bounces into (docs/operating.md)."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from apps.outbox.bounces import MOST_BYTES, take_bounce


class Command(BaseCommand):
    help = "Read one bounced e-mail from standard input, and write no more to an address that is bad."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(take_bounce(sys.stdin.buffer.read(MOST_BYTES)))
