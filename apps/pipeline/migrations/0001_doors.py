from django.db import migrations

from apps.workspaces.doors import door

UNPLANNED = """
SELECT p.workspace_id, p.id FROM predictions_prediction p
 WHERE p.state = 'active' AND p.champion_id IS NOT NULL
   AND ((p.schedule <> 'none' AND p.next_run_at IS NULL) OR NOT EXISTS (SELECT 1 FROM monitoring_watch w WHERE w.prediction_id = p.id))
 LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("predictions", "0003_doors"), ("monitoring", "0003_doors")]
    operations = [door("unplanned_predictions(most int)", "workspace_id bigint, id bigint", UNPLANNED)]
