"""`manage.py reseal_secrets`: seal every customer's secret with the newest key, so that an old key can be dropped."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from apps.datasets.models import Source
from apps.deliveries.models import Delivery
from apps.workspaces.scope import workspace_scope
from apps.workspaces.two_steps import reseal_all as reseal_people
from einstein.sealed import reseal

DOORS = {"sources_with_secrets": Source, "deliveries_with_secrets": Delivery}


class Command(BaseCommand):
    help = "Seal all customers' secrets with the newest key."

    def handle(self, *args: Any, **options: Any) -> None:
        count = 0
        for door, model in DOORS.items():
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT workspace_id, id FROM {door}()")
                found = cursor.fetchall()
            for workspace_id, row_id in found:
                with workspace_scope(workspace_id):
                    row = model.objects.select_for_update().get(id=row_id)
                    row.sealed = reseal(row.sealed)
                    row.save(update_fields=["sealed"])
            count += len(found)
        count += reseal_people()
        self.stdout.write(f"{count:,} secrets are sealed with the newest key.")
