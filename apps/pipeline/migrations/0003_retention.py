import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from apps.workspaces.doors import door

# Every workspace has a row from its first hour on. Of several clocks each takes others.
CLAIM = """
INSERT INTO pipeline_retention (workspace_id, days, next_at)
SELECT w.id, '{}', now() FROM workspaces_workspace w WHERE NOT EXISTS (SELECT 1 FROM pipeline_retention r WHERE r.workspace_id = w.id)
ON CONFLICT DO NOTHING;
UPDATE pipeline_retention SET next_at = now() + interval '1 hour'
 WHERE pipeline_retention.id IN (SELECT r.id FROM pipeline_retention r WHERE r.next_at <= clock_timestamp() ORDER BY r.next_at LIMIT most FOR UPDATE SKIP LOCKED)
RETURNING pipeline_retention.workspace_id
"""
# The application may not remove what it wrote into the log. This door does, of the workspace in scope, nothing younger than a year, and says so there.
SHORTEN = """
WITH gone AS (
    DELETE FROM workspaces_auditentry WHERE workspaces_auditentry.id IN (
        SELECT e.id FROM workspaces_auditentry e WHERE e.id = ANY(numbers) AND e.at < now() - interval '365 days'
           AND e.workspace_id = NULLIF(current_setting('einstein.workspace', true), '')::bigint FOR UPDATE SKIP LOCKED)
    RETURNING workspaces_auditentry.workspace_id AS inside, workspaces_auditentry.at AS at
), told AS (
    INSERT INTO workspaces_auditentry (workspace_id, actor_id, actor_name, action, subject, detail, at)
    SELECT inside, NULL, 'Einstein', 'log shortened', '', jsonb_build_object('rows', count(*), 'until', to_char(max(gone.at), 'YYYY-MM-DD')), now()
      FROM gone GROUP BY inside
    RETURNING 1
)
SELECT count(*) FROM gone
"""


class Migration(migrations.Migration):
    dependencies = [("pipeline", "0002_exports"), ("workspaces", "0003_erasure"), ("runs", "0007_exports")]
    operations = [
        migrations.CreateModel(
            name="Retention",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("days", models.JSONField(default=dict)),
                ("next_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("swept_at", models.DateTimeField(null=True)),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="workspaces.workspace")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["next_at"], name="retentions_due")],
                "constraints": [models.UniqueConstraint(fields=["workspace"], name="one_retention_per_workspace")],
            },
        ),
        door("claim_cleaning(most int)", "workspace_id bigint", CLAIM),
        door("shorten_log(numbers bigint[])", "rows bigint", SHORTEN),
    ]
