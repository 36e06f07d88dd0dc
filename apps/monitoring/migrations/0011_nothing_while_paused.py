from django.db import migrations

from apps.workspaces.doors import door, running

# As before, but nothing of a workspace that an operator has paused.
DUE = f"""
UPDATE monitoring_watch SET next_check_at = now() + make_interval(secs => every_seconds)
 WHERE monitoring_watch.id IN (
    SELECT w.id FROM monitoring_watch w WHERE w.next_check_at <= now() AND {running('w.workspace_id')} ORDER BY w.next_check_at LIMIT most FOR UPDATE SKIP LOCKED)
RETURNING monitoring_watch.workspace_id, monitoring_watch.prediction_id
"""
LATE = f"""
SELECT count(DISTINCT a.workspace_id), count(DISTINCT a.prediction_id)
  FROM monitoring_alert a JOIN monitoring_incident i ON i.id = a.incident_id
 WHERE a.state = 'open' AND i.cause = 'installation' AND {running('a.workspace_id')}
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0010_good_since"), ("workspaces", "0004_pause_and_support")]
    operations = [
        door("due_watches(most int, every_seconds int)", "workspace_id bigint, prediction_id bigint", DUE),
        door("late_runs()", "workspaces bigint, predictions bigint", LATE),
    ]
