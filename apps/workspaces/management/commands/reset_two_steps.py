"""`manage.py reset_two_steps EMAIL`: for somebody who lost the phone and the recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.workspaces.models import User
from apps.workspaces.two_steps import reset


class Command(BaseCommand):
    help = "Take a person's two-step log-in away, so that she logs in with her password and sets it up again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError(f"There is nobody with the address {email}.")
        if not reset(person, None):
            raise CommandError(f"{person.email} has no two-step log-in.")
        self.stdout.write(f"{person.email} logs in with the password alone now.")
