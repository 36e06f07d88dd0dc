"""Django's `migrate`, beside a running application: one host at a time, and never in the way for long."""

from typing import Any

from django.core.management.commands import migrate

from einstein.postgres.one_migrator import alone, patiently


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options.get("plan") or options.get("check_unapplied"):
            return super().handle(*args, **options)
        with alone(self.stdout.write):
            patiently(lambda: migrate.Command.handle(self, *args, **options), self.stdout.write)
        return None
