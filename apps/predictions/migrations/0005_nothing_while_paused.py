from django.db import migrations

from apps.workspaces.doors import door, running

# As before, but nothing of a workspace that an operator has paused.
DUE = f"""
SELECT workspace_id, id FROM predictions_prediction
 WHERE state = 'active' AND next_run_at <= now() AND {running('workspace_id')} ORDER BY next_run_at LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0004_templates"), ("workspaces", "0004_pause_and_support")]
    operations = [
        door("due_predictions(most int)", "workspace_id bigint, id bigint", DUE),
    ]
