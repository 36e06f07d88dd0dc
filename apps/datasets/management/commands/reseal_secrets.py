"""`manage.py reseal_secrets`: seal every customer's secret with the newest key, so that an old key can be dropped."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from apps.datasets.models import Source
from apps.workspaces.scope import workspace_scope
from einstein.sealed import reseal


class Command(BaseCommand):
    help = "Seal all customers' secrets with the newest key."

    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT workspace_id, id FROM sources_with_secrets()")
            found = cursor.fetchall()
        for workspace_id, source_id in found:
            with workspace_scope(workspace_id):
                source = Source.objects.select_for_update().get(id=source_id)
                source.sealed = reseal(source.sealed)
                source.save(update_fields=["sealed"])
        self.stdout.write(f"{len(found):,} secrets are sealed with the newest key.")
