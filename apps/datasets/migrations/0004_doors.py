from django.db import migrations

from apps.workspaces.doors import door

DUE = """
SELECT workspace_id, id FROM datasets_source WHERE state = 'active' AND (next_run_at IS NULL AND schedule <> 'none' OR next_run_at <= now())
 ORDER BY next_run_at NULLS FIRST LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("datasets", "0003_sources")]
    operations = [
        door("due_sources(most int)", "workspace_id bigint, id bigint", DUE),
        door("sources_with_secrets()", "workspace_id bigint, id bigint", "SELECT workspace_id, id FROM datasets_source WHERE sealed <> ''"),
    ]
