from django.db import migrations

from apps.workspaces.doors import door

DUE = """
UPDATE monitoring_watch SET next_check_at = now() + make_interval(secs => every_seconds)
 WHERE monitoring_watch.id IN (
    SELECT w.id FROM monitoring_watch w WHERE w.next_check_at <= now() ORDER BY w.next_check_at LIMIT most FOR UPDATE SKIP LOCKED)
RETURNING monitoring_watch.workspace_id, monitoring_watch.prediction_id
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_initial")]
    operations = [door("due_watches(most int, every_seconds int)", "workspace_id bigint, prediction_id bigint", DUE)]
