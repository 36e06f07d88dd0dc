from django.db import migrations, models

from apps.workspaces.doors import door

FORGET = """
INSERT INTO workspaces_erasure (workspace_number, asked_for, rows, erased_at)
SELECT w.id, w.erase_at, removed, now() FROM workspaces_workspace w WHERE w.id = gone AND w.erase_at <= now();
DELETE FROM workspaces_auditentry WHERE workspace_id IN (SELECT w.id FROM workspaces_workspace w WHERE w.id = gone AND w.erase_at <= now());
DELETE FROM workspaces_workspace w WHERE w.id = gone AND w.erase_at <= now() RETURNING w.id
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0002_doors")]
    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("workspace_number", models.BigIntegerField(unique=True)),
                ("asked_for", models.DateTimeField()),
                ("rows", models.BigIntegerField()),
                ("erased_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddField(model_name="workspace", name="erase_at", field=models.DateTimeField(null=True)),
        migrations.AddIndex(
            model_name="workspace",
            index=models.Index(
                fields=["erase_at"], condition=models.Q(erase_at__isnull=False), name="workspaces_to_erase"
            ),
        ),
        door(
            "workspaces_to_erase()", "workspace_id bigint",
            "SELECT id FROM workspaces_workspace WHERE erase_at <= now() ORDER BY erase_at LIMIT 20",
        ),
        door("forget_workspace(gone bigint, removed bigint)", "workspace_id bigint", FORGET),
    ]
