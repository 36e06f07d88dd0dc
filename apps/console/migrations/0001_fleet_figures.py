from django.db import migrations

from apps.workspaces.doors import door

# Counts alone leave through this door: no names, no records, no workspace.
FIGURES = """
SELECT 'runs_waiting', queue, count(*)::float FROM runs_run WHERE state IN ('queued', 'dispatched') AND due_at <= now() GROUP BY queue
UNION ALL
SELECT 'oldest_waiting_seconds', queue, extract(epoch FROM max(now() - due_at)) FROM runs_run
 WHERE state IN ('queued', 'dispatched') AND due_at <= now() GROUP BY queue
UNION ALL
SELECT 'runs_running', queue, count(*) FROM runs_run WHERE state = 'running' GROUP BY queue
UNION ALL
SELECT 'runs_ended_hour', kind, count(*) FROM runs_run WHERE ended_at > now() - interval '1 hour' GROUP BY kind
UNION ALL
SELECT 'runs_failed_hour', kind, count(*) FROM runs_run WHERE ended_at > now() - interval '1 hour' AND state = 'failed' GROUP BY kind
UNION ALL
SELECT 'predictions', state, count(*) FROM predictions_prediction WHERE state <> 'deleted' GROUP BY state
UNION ALL
SELECT 'workspaces', '', count(*) FROM workspaces_workspace
UNION ALL
SELECT 'alerts_open', severity, count(*) FROM monitoring_alert WHERE state = 'open' GROUP BY severity
UNION ALL
SELECT 'mail_waiting', '', count(*) FROM outbox_message WHERE state = 'pending'
UNION ALL
SELECT 'mail_given_up_day', '', count(*) FROM outbox_message WHERE state = 'dead' AND created_at > now() - interval '1 day'
UNION ALL
SELECT 'deliveries_waiting', state, count(*) FROM outbox_sending WHERE state IN ('waiting', 'held') GROUP BY state
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("runs", "0005_ended_lately"), ("predictions", "0004_templates"), ("monitoring", "0009_incident_doors"), ("outbox", "0007_message_of"),
    ]  # fmt: skip
    operations = [door("fleet_figures()", "figure text, label text, value double precision", FIGURES)]
