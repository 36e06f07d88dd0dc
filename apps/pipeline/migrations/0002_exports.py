from django.db import migrations

from apps.workspaces.doors import door


class Migration(migrations.Migration):
    dependencies = [("pipeline", "0001_doors"), ("runs", "0007_exports")]
    operations = [
        door(
            "exports_to_remove(kept interval)", "workspace_id bigint, id bigint",
            "SELECT workspace_id, id FROM runs_run WHERE kind = 'export' AND outcome ? 'key' AND ended_at < now() - kept ORDER BY id LIMIT 100",
        ),
    ]
