import django.utils.timezone
from django.db import migrations, models

from apps.workspaces.doors import door, running

# As before, but nothing of a paused workspace and nothing while the queue is drained; each is one look at a table that is nearly always empty.
OPEN = "NOT EXISTS (SELECT 1 FROM runs_drain d WHERE d.part = 'all' OR d.part = 'queue' AND d.name = wanted)"
DISPATCH = f"""
WITH lost AS (
    UPDATE runs_run SET state = 'queued' WHERE runs_run.queue = wanted AND state = 'dispatched'
      AND dispatched_at < now() - make_interval(secs => unclaimed_seconds) RETURNING 1
), in_hand AS (
    SELECT workspace_id, count(*) AS n FROM runs_run WHERE runs_run.queue = wanted AND state IN ('dispatched', 'running') GROUP BY 1
), waiting AS (
    SELECT r.id FROM runs_run r LEFT JOIN in_hand h USING (workspace_id)
     WHERE r.queue = wanted AND r.state = 'queued' AND r.due_at <= now() AND {OPEN} AND {running('r.workspace_id')}
     ORDER BY COALESCE(h.n, 0), r.due_at, r.id
     LIMIT GREATEST(0, room - (SELECT COALESCE(sum(n), 0) FROM in_hand))
       FOR UPDATE OF r SKIP LOCKED
)
UPDATE runs_run SET state = 'dispatched', dispatched_at = now()
 WHERE runs_run.id IN (SELECT waiting.id FROM waiting) RETURNING runs_run.workspace_id, runs_run.id
"""
FREE = "NOT EXISTS (SELECT 1 FROM runs_drain d WHERE d.part = 'all' OR d.part = 'queue' AND d.name = wanted OR d.part = 'host' AND d.name = on_host)"
CLAIM_NEXT = f"""
WITH handed AS (
    SELECT r.id FROM runs_run r WHERE r.queue = wanted AND r.state = 'dispatched' AND {FREE} AND {running('r.workspace_id')}
     ORDER BY r.dispatched_at, r.id LIMIT 1 FOR UPDATE SKIP LOCKED
), in_hand AS (
    SELECT workspace_id, count(*) AS n FROM runs_run WHERE runs_run.queue = wanted AND state IN ('dispatched', 'running') GROUP BY 1
), waiting AS (
    SELECT r.id FROM runs_run r LEFT JOIN in_hand h USING (workspace_id)
     WHERE r.queue = wanted AND r.state = 'queued' AND r.due_at <= now() AND NOT EXISTS (SELECT 1 FROM handed) AND {FREE} AND {running('r.workspace_id')}
     ORDER BY COALESCE(h.n, 0), r.due_at, r.id
     LIMIT 1 FOR UPDATE OF r SKIP LOCKED
)
UPDATE runs_run SET state = 'running', lease = lease + 1, attempts = attempts + 1, started_at = now(), host = on_host,
       lease_until = now() + make_interval(secs => lease_seconds), stages = '[]', progress = '{{}}', error = ''
 WHERE runs_run.id IN (SELECT handed.id FROM handed UNION ALL SELECT waiting.id FROM waiting)
RETURNING runs_run.workspace_id, runs_run.id
"""
# What was handed over and not begun goes back to wait.
RECALL = """
UPDATE runs_run SET state = 'queued', dispatched_at = NULL WHERE state = 'dispatched' AND (of_queue IS NULL OR queue = of_queue)
RETURNING runs_run.workspace_id, runs_run.id
"""
IN_HAND = """
SELECT queue::text, host::text, count(*) FROM runs_run WHERE state IN ('dispatched', 'running') GROUP BY queue, host
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0008_outages"), ("workspaces", "0004_pause_and_support")]
    operations = [
        migrations.CreateModel(
            name="Drain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("part", models.CharField(max_length=8)),
                ("name", models.CharField(blank=True, max_length=80)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(part__in=["all", "queue", "host"]), name="drain_part_is_known"),
                    models.UniqueConstraint(fields=["part", "name"], name="one_drain_per_part"),
                ]
            },
        ),
        migrations.AddField("run", "host", models.CharField(max_length=80, blank=True, default="", db_default="")),
        migrations.AddIndex("run", models.Index(fields=["host"], condition=models.Q(state="running"), name="runs_of_host")),
        door("dispatch_runs(wanted text, room int, unclaimed_seconds int)", "workspace_id bigint, id bigint", DISPATCH),
        # Workers of before, while an upgrade rolls over the hosts, name no host.
        migrations.RunSQL("DROP FUNCTION claim_next_run(text, int)", migrations.RunSQL.noop),
        door("claim_next_run(wanted text, lease_seconds int, on_host text DEFAULT '')", "workspace_id bigint, id bigint", CLAIM_NEXT),
        door("recall_runs(of_queue text)", "workspace_id bigint, id bigint", RECALL),
        door("runs_in_hand()", "queue text, host text, runs bigint", IN_HAND),
    ]
