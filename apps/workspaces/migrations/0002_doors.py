from django.db import migrations

from apps.workspaces.doors import door


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0001_initial")]
    operations = [
        door(
            "open_invitation(hash text)", "workspace_id bigint, id bigint",
            "SELECT workspace_id, id FROM workspaces_invitation WHERE token_hash = hash AND accepted_at IS NULL AND expires_at > now()",
        ),
        door(
            "live_api_key(hash text)", "workspace_id bigint, id bigint",
            "SELECT workspace_id, id FROM workspaces_apikey WHERE key_hash = hash AND revoked_at IS NULL",
        ),
        door(
            "workspace_by_id(wanted bigint)", "workspace_id bigint",
            "SELECT id FROM workspaces_workspace WHERE id = wanted",
        ),
    ]
