from django.db import migrations

from apps.workspaces.doors import door

WAITING = """
SELECT workspace_id, dataset_id FROM datasets_pushedbatch b
 WHERE state = 'waiting' AND NOT EXISTS (
    SELECT 1 FROM runs_run r WHERE r.workspace_id = b.workspace_id AND r.unique_key = 'push:' || b.dataset_id
       AND r.state IN ('queued', 'dispatched', 'running'))
 GROUP BY workspace_id, dataset_id HAVING min(due_at) <= now() ORDER BY min(due_at) LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("datasets", "0005_pushed_batches"), ("runs", "0003_doors")]
    operations = [door("datasets_with_batches(most int)", "workspace_id bigint, id bigint", WAITING)]
