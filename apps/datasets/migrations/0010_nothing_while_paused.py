from django.db import migrations

from apps.workspaces.doors import door, running

# As before, but nothing of a workspace that an operator has paused.
DUE = f"""
SELECT workspace_id, id FROM datasets_source
 WHERE state = 'active' AND (next_run_at IS NULL AND schedule <> 'none' OR next_run_at <= now()) AND {running('workspace_id')}
 ORDER BY next_run_at NULLS FIRST LIMIT most
"""
WAITING = f"""
SELECT workspace_id, dataset_id FROM datasets_pushedbatch b
 WHERE state = 'waiting' AND {running('workspace_id')} AND NOT EXISTS (
    SELECT 1 FROM runs_run r WHERE r.workspace_id = b.workspace_id AND r.unique_key = 'push:' || b.dataset_id
       AND r.state IN ('queued', 'dispatched', 'running'))
 GROUP BY workspace_id, dataset_id HAVING min(due_at) <= now() ORDER BY min(due_at) LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("datasets", "0009_erased_records"), ("workspaces", "0004_pause_and_support")]
    operations = [
        door("due_sources(most int)", "workspace_id bigint, id bigint", DUE),
        door("datasets_with_batches(most int)", "workspace_id bigint, id bigint", WAITING),
    ]
