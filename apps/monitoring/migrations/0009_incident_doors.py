from django.db import migrations

from apps.workspaces.doors import door

# A watch sleeps until something can be late. What ends before that wakes it: a scoring that is over, or a prediction that fell silent
# with alerts still open. Each ended Run wakes once; two partial indexes keep the cost to what is new.
WAKE = """
WITH ended AS (
    UPDATE runs_run SET noticed = true
     WHERE runs_run.id IN (SELECT r.id FROM runs_run r WHERE r.kind = 'score' AND NOT r.noticed AND r.ended_at IS NOT NULL
                            ORDER BY r.ended_at LIMIT most FOR UPDATE SKIP LOCKED)
    RETURNING runs_run.subject_id
), silent AS (
    SELECT a.prediction_id FROM monitoring_alert a JOIN predictions_prediction p ON p.id = a.prediction_id
      LEFT JOIN datasets_dataset d ON d.id = p.dataset_id
     WHERE a.state = 'open' AND (p.state <> 'active' OR d.state IS DISTINCT FROM 'active')
)
UPDATE monitoring_watch SET next_check_at = now()
 WHERE monitoring_watch.prediction_id IN (SELECT subject_id FROM ended UNION SELECT silent.prediction_id FROM silent)
RETURNING monitoring_watch.workspace_id, monitoring_watch.prediction_id
"""
NOTICES = """
SELECT n.workspace_id, n.id FROM monitoring_notice n WHERE n.state = 'waiting' AND n.due_at <= clock_timestamp() ORDER BY n.due_at, n.id LIMIT most
"""
UNANNOUNCED = """
SELECT a.workspace_id, a.id FROM monitoring_alert a JOIN monitoring_incident i ON i.id = a.incident_id
 WHERE a.announced_at IS NULL AND a.state = 'open' AND i.told_at IS NOT NULL ORDER BY a.id LIMIT most
"""
LATE = """
SELECT count(DISTINCT a.workspace_id), count(DISTINCT a.prediction_id)
  FROM monitoring_alert a JOIN monitoring_incident i ON i.id = a.incident_id WHERE a.state = 'open' AND i.cause = 'installation'
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0008_incidents"), ("runs", "0004_noticed"), ("predictions", "0004_templates")]
    operations = [
        door("wake_watches(most int)", "workspace_id bigint, prediction_id bigint", WAKE),
        door("due_notices(most int)", "workspace_id bigint, id bigint", NOTICES),
        door("unannounced_alerts(most int)", "workspace_id bigint, id bigint", UNANNOUNCED),
        door("late_runs()", "workspaces bigint, predictions bigint", LATE),
    ]
