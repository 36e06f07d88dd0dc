import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.workspaces.doors import door

GRANT = """
SELECT g.workspace_id, g.id FROM workspaces_supportgrant g JOIN workspaces_workspace w ON w.id = g.workspace_id
 WHERE (w.slug = named OR w.id = numbered) AND g.revoked_at IS NULL AND g.expires_at > now()
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0003_erasure")]
    operations = [
        migrations.AddField("workspace", "paused_at", models.DateTimeField(null=True)),
        migrations.AddField("workspace", "pause_reason", models.CharField(max_length=300, blank=True, default="", db_default="")),
        migrations.AddIndex(
            "workspace", models.Index(fields=["id"], condition=models.Q(paused_at__isnull=False), name="workspaces_paused")
        ),
        migrations.CreateModel(
            name="SupportGrant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(max_length=10)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                ("granted_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="workspaces.workspace")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(role__in=["viewer", "builder"]), name="support_role_is_known"),
                    models.UniqueConstraint(fields=["workspace"], condition=models.Q(revoked_at=None), name="one_support_grant_at_a_time"),
                ],
            },
        ),
        door("support_grant(named text, numbered bigint)", "workspace_id bigint, id bigint", GRANT),
    ]
