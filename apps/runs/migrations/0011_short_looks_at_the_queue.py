from django.db import migrations

from apps.workspaces.doors import door, running

# As before, but quick however many wait and whatever PostgreSQL believes of how many do: its counts are of before the night's Runs came, and a
# join of thousands planned for one took seconds. What is chosen is found again by its number, and a workspace that has nothing in hand is found
# in the order of the index, so that only where all who wait have something in hand are the waiting sorted (docs/decisions/0003).
OPEN = "NOT EXISTS (SELECT 1 FROM runs_drain d WHERE d.part = 'all' OR d.part = 'queue' AND d.name = wanted)"
DISPATCH = f"""
WITH lost AS (
    UPDATE runs_run SET state = 'queued' WHERE runs_run.queue = wanted AND state = 'dispatched'
      AND dispatched_at < now() - make_interval(secs => unclaimed_seconds) RETURNING 1
), in_hand AS (
    SELECT workspace_id, count(*) AS n FROM runs_run WHERE runs_run.queue = wanted AND state IN ('dispatched', 'running') GROUP BY 1
), turns AS (
    SELECT r.id, r.due_at, COALESCE(h.n, 0) + row_number() OVER (PARTITION BY r.workspace_id ORDER BY r.due_at, r.id) AS turn
      FROM runs_run r LEFT JOIN in_hand h USING (workspace_id)
     WHERE r.queue = wanted AND r.state = 'queued' AND r.due_at <= now() AND {OPEN} AND {running('r.workspace_id')}
       AND room > (SELECT COALESCE(sum(n), 0) FROM in_hand)
), waiting AS (
    SELECT r.id FROM runs_run r WHERE r.state = 'queued' AND r.id = ANY (ARRAY(
        SELECT t.id FROM turns t ORDER BY t.turn, t.due_at, t.id LIMIT GREATEST(0, room - (SELECT COALESCE(sum(n), 0) FROM in_hand))))
       FOR UPDATE OF r SKIP LOCKED
)
UPDATE runs_run SET state = 'dispatched', dispatched_at = now()
 WHERE runs_run.id = ANY (ARRAY(SELECT waiting.id FROM waiting)) RETURNING runs_run.workspace_id, runs_run.id
"""

FREE = "NOT EXISTS (SELECT 1 FROM runs_drain d WHERE d.part = 'all' OR d.part = 'queue' AND d.name = wanted OR d.part = 'host' AND d.name = on_host)"
DUE = f"r.queue = wanted AND r.state = 'queued' AND r.due_at <= now() AND NOT EXISTS (SELECT 1 FROM handed) AND {FREE} AND {running('r.workspace_id')}"
CLAIM_NEXT = f"""
WITH handed AS (
    SELECT r.id FROM runs_run r WHERE r.queue = wanted AND r.state = 'dispatched' AND {FREE} AND {running('r.workspace_id')}
     ORDER BY (SELECT count(*) FROM runs_run o WHERE o.queue = wanted AND o.state = 'running' AND o.workspace_id = r.workspace_id), r.dispatched_at, r.id
     LIMIT 1 FOR UPDATE SKIP LOCKED
), in_hand AS (
    SELECT workspace_id, count(*) AS n FROM runs_run WHERE runs_run.queue = wanted AND state IN ('dispatched', 'running') GROUP BY 1
), first AS (
    SELECT r.id FROM runs_run r WHERE {DUE} AND r.workspace_id NOT IN (SELECT workspace_id FROM in_hand)
     ORDER BY r.due_at, r.id
     LIMIT 1 FOR UPDATE OF r SKIP LOCKED
), waiting AS (
    SELECT r.id FROM runs_run r LEFT JOIN in_hand h USING (workspace_id) WHERE {DUE} AND NOT EXISTS (SELECT 1 FROM first)
     ORDER BY COALESCE(h.n, 0), r.due_at, r.id
     LIMIT 1 FOR UPDATE OF r SKIP LOCKED
)
UPDATE runs_run SET state = 'running', lease = lease + 1, attempts = attempts + 1, started_at = now(), host = on_host,
       lease_until = now() + make_interval(secs => lease_seconds), stages = '[]', progress = '{{}}', error = ''
 WHERE runs_run.id = ANY (ARRAY(SELECT handed.id FROM handed UNION ALL SELECT first.id FROM first UNION ALL SELECT waiting.id FROM waiting))
RETURNING runs_run.workspace_id, runs_run.id
"""


class Migration(migrations.Migration):
    dependencies = [("runs", "0010_fair_batches")]
    operations = [
        door("dispatch_runs(wanted text, room int, unclaimed_seconds int)", "workspace_id bigint, id bigint", DISPATCH),
        door("claim_next_run(wanted text, lease_seconds int, on_host text DEFAULT '')", "workspace_id bigint, id bigint", CLAIM_NEXT),
    ]
