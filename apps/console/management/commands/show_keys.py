"""`manage.py show_keys`: the keys that this installation uses, as settings that another host can be given."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Print the keys in use as environment variables. Whoever reads them can open customers' passwords."
    requires_system_checks: list = []  # it is what mends a start that the checks refuse

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"EINSTEIN_SECRET_KEY={settings.SECRET_KEY}")
        if settings.SECRET_KEY_FALLBACKS:
            self.stdout.write(f"EINSTEIN_SECRET_KEY_FALLBACKS={','.join(settings.SECRET_KEY_FALLBACKS)}")
        self.stdout.write(f"EINSTEIN_SECRET_STORE_KEYS={','.join(settings.SECRET_STORE_KEYS)}")
