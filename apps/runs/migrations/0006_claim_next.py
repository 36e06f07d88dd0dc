from django.db import migrations, models

from apps.workspaces.doors import door

# A worker that has finished a Run takes the next one itself: what was handed over and waits in the broker first, then in fair order.
CLAIM_NEXT = """
WITH handed AS (
    SELECT r.id FROM runs_run r WHERE r.queue = wanted AND r.state = 'dispatched' ORDER BY r.dispatched_at, r.id LIMIT 1 FOR UPDATE SKIP LOCKED
), in_hand AS (
    SELECT workspace_id, count(*) AS n FROM runs_run WHERE runs_run.queue = wanted AND state IN ('dispatched', 'running') GROUP BY 1
), waiting AS (
    SELECT r.id FROM runs_run r LEFT JOIN in_hand h USING (workspace_id)
     WHERE r.queue = wanted AND r.state = 'queued' AND r.due_at <= now() AND NOT EXISTS (SELECT 1 FROM handed)
     ORDER BY COALESCE(h.n, 0), r.due_at, r.id
     LIMIT 1 FOR UPDATE OF r SKIP LOCKED
)
UPDATE runs_run SET state = 'running', lease = lease + 1, attempts = attempts + 1, started_at = now(),
       lease_until = now() + make_interval(secs => lease_seconds), stages = '[]', progress = '{}', error = ''
 WHERE runs_run.id IN (SELECT handed.id FROM handed UNION ALL SELECT waiting.id FROM waiting)
RETURNING runs_run.workspace_id, runs_run.id
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0005_ended_lately")]
    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                fields=["queue", "workspace"],
                condition=models.Q(state__in=["dispatched", "running"]),
                name="runs_in_hand",
            ),
        ),
        door("claim_next_run(wanted text, lease_seconds int)", "workspace_id bigint, id bigint", CLAIM_NEXT),
    ]
