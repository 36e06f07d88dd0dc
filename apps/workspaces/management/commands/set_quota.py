"""`manage.py set_quota WORKSPACE KIND VALUE`: give one workspace a limit of its own."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.workspaces.quotas import NotAQuota, registry, set_quota


class Command(BaseCommand):
    help = "Give a workspace, named by its number, a limit of its own; the value `default` gives it the installation's again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", type=int)
        parser.add_argument("kind", choices=list(registry()))
        parser.add_argument("value")

    def handle(self, *args: Any, workspace: int, kind: str, value: str, **options: Any) -> None:
        if value != "default" and not value.isdecimal():
            raise CommandError("A limit is a whole number from 0 on, or `default`.")
        try:
            set_quota(workspace, kind, None if value == "default" else int(value), None)
        except NotAQuota as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Workspace {workspace}: {kind} is {value} now.")
