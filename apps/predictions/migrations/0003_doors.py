from django.db import migrations

from apps.workspaces.doors import door

DUE = """
SELECT workspace_id, id FROM predictions_prediction WHERE state = 'active' AND next_run_at <= now() ORDER BY next_run_at LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0002_initial")]
    operations = [door("due_predictions(most int)", "workspace_id bigint, id bigint", DUE)]
