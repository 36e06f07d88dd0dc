import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.workspaces.doors import door, running

# Failed, or handed back during an outage and tried again later. A sentence leaves these two doors masked or whole: it is compared with the known causes, and not shown.
FAILED = """
SELECT r.workspace_id, r.id, r.kind, r.error, r.ended_at AS at, NULL::timestamptz AS again_at, r.host, NOT EXISTS (
         SELECT 1 FROM runs_run n WHERE n.workspace_id = r.workspace_id AND n.kind = r.kind AND n.subject_id = r.subject_id AND n.id > r.id
            AND n.state IN ('queued', 'dispatched', 'running', 'succeeded')) AS failing
  FROM runs_run r WHERE r.ended_at > now() - interval '1 day' AND r.state = 'failed' AND (only_of IS NULL OR r.workspace_id = only_of)
UNION ALL
SELECT r.workspace_id, r.id, r.kind, r.error, r.started_at, r.due_at, r.host, true
  FROM runs_run r WHERE r.state = 'queued' AND r.outages > 0 AND r.error <> '' AND (only_of IS NULL OR r.workspace_id = only_of)
"""
GROUPS = rf"""
WITH failed AS ({FAILED})
SELECT kind::text, (array_agg(error ORDER BY at DESC))[1], count(*), count(*) FILTER (WHERE failing), array_agg(DISTINCT workspace_id),
       max(at), (array_agg(id ORDER BY at DESC))[1]
  FROM failed
 GROUP BY kind, regexp_replace(regexp_replace(error, 'reference [0-9a-f]{{8}}|“[^”]*”|"[^"]*"|‘[^’]*’', '', 'g'), '[0-9][0-9.,:]*', '', 'g')
 ORDER BY count(*) DESC LIMIT 2000
"""
NEWEST = f"""
WITH failed AS ({FAILED})
SELECT workspace_id, id, kind::text, error, at, again_at, host::text FROM failed WHERE failing ORDER BY at DESC, id DESC LIMIT most
"""
# What an operator needs to help: the company's name, whom to write to, and counts.
WORKSPACES = """
WITH failed AS (
    SELECT workspace_id, count(*) AS n FROM runs_run WHERE ended_at > now() - interval '1 day' AND state = 'failed' GROUP BY 1
), waiting AS (
    SELECT workspace_id, count(*) AS n, max(now() - due_at) AS oldest FROM runs_run
     WHERE state IN ('queued', 'dispatched') AND due_at <= now() GROUP BY 1
), critical AS (
    SELECT workspace_id, count(*) AS n FROM monitoring_alert WHERE state = 'open' AND severity = 'critical' GROUP BY 1
), admins AS (
    SELECT m.workspace_id, array_agg(u.email::text ORDER BY m.id) AS emails FROM workspaces_membership m JOIN workspaces_user u ON u.id = m.user_id
     WHERE m.role = 'admin' GROUP BY 1
)
SELECT w.id, w.name::text, COALESCE(a.emails, '{}'), COALESCE(f.n, 0), COALESCE(c.n, 0), COALESCE(q.n, 0),
       COALESCE(extract(epoch FROM q.oldest), 0)::float, w.paused_at, w.created_at
  FROM workspaces_workspace w LEFT JOIN failed f ON f.workspace_id = w.id LEFT JOIN waiting q ON q.workspace_id = w.id
  LEFT JOIN critical c ON c.workspace_id = w.id LEFT JOIN admins a ON a.workspace_id = w.id
 WHERE sought = '' OR w.id::text = sought OR strpos(lower(w.name), lower(sought)) > 0 OR strpos(lower(array_to_string(a.emails, ' ')), lower(sought)) > 0
 ORDER BY COALESCE(f.n, 0) DESC, COALESCE(c.n, 0) DESC, COALESCE(q.oldest, interval '0') DESC, w.id
"""
FIGURES = """
SELECT 'models', state::text, count(*)::float FROM predictions_modelversion GROUP BY state
UNION ALL
SELECT 'ended_minute', floor(extract(epoch FROM now() - ended_at) / 60)::text, count(*) FROM runs_run
 WHERE ended_at > now() - interval '1 hour' AND state <> 'cancelled' GROUP BY 2
"""
# As before, but what an operator has paused does not wait.
WAITS = f"state IN ('queued', 'dispatched') AND due_at <= now() AND {running('workspace_id')}"
FLEET = f"""
SELECT 'runs_waiting', queue, count(*)::float FROM runs_run WHERE {WAITS} GROUP BY queue
UNION ALL
SELECT 'oldest_waiting_seconds', queue, extract(epoch FROM max(now() - due_at)) FROM runs_run WHERE {WAITS} GROUP BY queue
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
SELECT 'workspaces_paused', '', count(*) FROM workspaces_workspace WHERE paused_at IS NOT NULL
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
    dependencies = [
        ("console", "0001_fleet_figures"), ("runs", "0009_drains"), ("predictions", "0005_nothing_while_paused"),
        ("monitoring", "0011_nothing_while_paused"), ("outbox", "0008_given_up"), ("workspaces", "0004_pause_and_support"),
    ]  # fmt: skip
    operations = [
        migrations.CreateModel(
            name="OperatorEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operator_name", models.CharField(max_length=200)),
                ("action", models.CharField(max_length=60)),
                ("workspace_number", models.BigIntegerField(null=True)),
                ("subject", models.CharField(blank=True, max_length=300)),
                ("at", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("operator", models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
        ),
        door(
            "failed_groups(only_of bigint)",
            "kind text, sentence text, runs bigint, failing bigint, workspaces bigint[], newest_at timestamptz, newest bigint", GROUPS,
        ),
        door(
            "failing_runs(most int, only_of bigint)",
            "workspace_id bigint, id bigint, kind text, sentence text, at timestamptz, again_at timestamptz, host text", NEWEST,
        ),
        door(
            "console_workspaces(sought text)",
            "id bigint, name text, admins text[], failed bigint, critical bigint, waiting bigint, oldest_seconds double precision, "
            "paused_at timestamptz, created_at timestamptz", WORKSPACES,
        ),
        door("console_figures()", "figure text, label text, value double precision", FIGURES),
        door("fleet_figures()", "figure text, label text, value double precision", FLEET),
    ]
