from django.db import migrations

from apps.workspaces.doors import door, running

# As before, but nothing of a workspace that an operator has paused.
DUE = f"""
SELECT workspace_id, id FROM deliveries_delivery
 WHERE state = 'active' AND schedule NOT IN ('none', 'run') AND (next_run_at IS NULL OR next_run_at <= now()) AND {running('workspace_id')}
 ORDER BY next_run_at NULLS FIRST LIMIT most
"""
WAITING = f"""
SELECT workspace_id, id FROM (
    SELECT DISTINCT ON (s.destination_id) d.workspace_id, d.id, s.due_at
      FROM outbox_sending s JOIN deliveries_delivery d ON d.id = s.destination_id AND d.state = 'active'
      JOIN predictions_prediction p ON p.id = d.prediction_id AND p.state NOT IN ('archived', 'deleted')
     WHERE s.state = 'waiting' ORDER BY s.destination_id, s.id) first
 WHERE due_at <= now() AND {running('workspace_id')} AND NOT EXISTS (
    SELECT 1 FROM runs_run r WHERE r.workspace_id = first.workspace_id AND r.unique_key = 'deliver:' || first.id
       AND r.state IN ('queued', 'dispatched', 'running'))
 ORDER BY due_at LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0005_widget_refusals"), ("workspaces", "0004_pause_and_support")]
    operations = [
        door("due_deliveries(most int)", "workspace_id bigint, id bigint", DUE),
        door("waiting_destinations(most int)", "workspace_id bigint, id bigint", WAITING),
    ]
