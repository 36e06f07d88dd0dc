from django.db import migrations

from apps.workspaces.doors import door, running

# What looks for faults of the whole asks for; what an operator has drained or paused is no fault.
WAITING = f"""
WITH waiting AS (
    SELECT r.queue, count(*) AS runs, extract(epoch FROM max(now() - r.due_at)) AS seconds FROM runs_run r
     WHERE r.state IN ('queued', 'dispatched') AND r.due_at <= now() AND {running('r.workspace_id')}
       AND NOT EXISTS (SELECT 1 FROM runs_drain d WHERE d.part = 'all' OR d.part = 'queue' AND d.name = r.queue)
     GROUP BY r.queue
)
SELECT w.queue::text, w.runs, w.seconds::float,
       (SELECT count(*) FROM runs_run r WHERE r.queue = w.queue AND r.state = 'running' AND r.lease_until > now())
       + (SELECT count(*) FROM runs_run r WHERE r.ended_at > now() - make_interval(secs => lately) AND r.queue = w.queue AND r.started_at IS NOT NULL)
  FROM waiting w ORDER BY w.queue
"""
SHARES = """
SELECT count(*) FILTER (WHERE lately), count(*) FILTER (WHERE lately AND state = 'failed'),
       count(*) FILTER (WHERE NOT lately), count(*) FILTER (WHERE NOT lately AND state = 'failed')
  FROM (SELECT state, ended_at > now() - interval '1 hour' AS lately FROM runs_run
         WHERE ended_at > now() - interval '7 days' AND state IN ('succeeded', 'failed')) ended
"""
SCORINGS = f"""
SELECT count(*) FILTER (WHERE state = 'succeeded'), count(*) FILTER (WHERE state = 'failed'),
       count(DISTINCT workspace_id) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'waits')
  FROM (SELECT state::text, workspace_id FROM runs_run
         WHERE kind = 'score' AND ended_at > now() - make_interval(secs => since) AND state IN ('succeeded', 'failed')
        UNION ALL
        SELECT 'waits', workspace_id FROM runs_run r
         WHERE kind = 'score' AND state IN ('queued', 'dispatched') AND due_at < now() - make_interval(secs => since) AND {running('workspace_id')}
           AND NOT EXISTS (SELECT 1 FROM runs_drain d WHERE d.part = 'all' OR d.part = 'queue' AND d.name = r.queue)) due
"""
HELD_UP = """
SELECT count(*), COALESCE(extract(epoch FROM max(now() - created_at)), 0)::float FROM (
    SELECT created_at FROM outbox_message WHERE state = 'pending' AND attempts > 0
    UNION ALL
    SELECT created_at FROM outbox_accountmessage WHERE state = 'pending' AND attempts > 0) held
 WHERE created_at < now() - make_interval(secs => since)
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0011_nothing_while_paused"), ("runs", "0009_drains"), ("outbox", "0008_given_up")]
    operations = [
        door("waiting_by_queue(lately int)", "queue text, runs bigint, seconds double precision, taken bigint", WAITING),
        door("failure_shares()", "ended bigint, failed bigint, ended_before bigint, failed_before bigint", SHARES),
        door("scorings_since(since int)", "succeeded bigint, failed bigint, failed_workspaces bigint, waiting bigint", SCORINGS),
        door("mail_held_up(since int)", "mails bigint, seconds double precision", HELD_UP),
    ]
