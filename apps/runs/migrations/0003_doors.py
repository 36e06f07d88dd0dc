from django.db import migrations

from apps.workspaces.doors import door

# Fair order: the workspace with the fewest Runs in hand first, then the oldest. SKIP LOCKED lets several clocks work at once.
DISPATCH = """
WITH lost AS (
    UPDATE runs_run SET state = 'queued' WHERE runs_run.queue = wanted AND state = 'dispatched'
      AND dispatched_at < now() - make_interval(secs => unclaimed_seconds) RETURNING 1
), in_hand AS (
    SELECT workspace_id, count(*) AS n FROM runs_run WHERE runs_run.queue = wanted AND state IN ('dispatched', 'running') GROUP BY 1
), waiting AS (
    SELECT r.id FROM runs_run r LEFT JOIN in_hand h USING (workspace_id)
     WHERE r.queue = wanted AND r.state = 'queued' AND r.due_at <= now()
     ORDER BY COALESCE(h.n, 0), r.due_at, r.id
     LIMIT GREATEST(0, room - (SELECT COALESCE(sum(n), 0) FROM in_hand))
       FOR UPDATE OF r SKIP LOCKED
)
UPDATE runs_run SET state = 'dispatched', dispatched_at = now()
 WHERE runs_run.id IN (SELECT waiting.id FROM waiting) RETURNING runs_run.workspace_id, runs_run.id
"""

RECOVER = """
UPDATE runs_run SET
       state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempts >= most THEN 'failed' ELSE 'queued' END,
       ended_at = CASE WHEN cancel_requested OR attempts >= most THEN now() END,
       error = CASE WHEN attempts >= most THEN 'The work stopped three times without an answer. Your operator can see why in the log.' ELSE '' END
 WHERE runs_run.id IN (SELECT r.id FROM runs_run r WHERE r.state = 'running' AND r.lease_until < now() FOR UPDATE SKIP LOCKED)
RETURNING runs_run.workspace_id, runs_run.id, runs_run.state::text
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0002_initial")]
    operations = [
        door("dispatch_runs(wanted text, room int, unclaimed_seconds int)", "workspace_id bigint, id bigint", DISPATCH),
        door("recover_runs(most int)", "workspace_id bigint, id bigint, state text", RECOVER),
    ]
