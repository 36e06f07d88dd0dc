"""`manage.py create_operator EMAIL`: make somebody staff of the installation."""

import secrets
from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandParser

from apps.workspaces.models import User


class Command(BaseCommand):
    help = "Make a person an operator: staff of the installation, who sees its health but no customer's records."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            password = secrets.token_urlsafe(12)
            user = User.objects.create_user(email, password, name="Operator")
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
            self.stdout.write(f"Made {user.email} with the password {password}")
        user.is_staff = True
        user.save(update_fields=["is_staff"])
        self.stdout.write(f"{user.email} is an operator.")
