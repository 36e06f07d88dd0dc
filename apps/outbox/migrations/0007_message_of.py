from django.db import migrations

from apps.workspaces.doors import door

OF = "SELECT m.workspace_id, m.id FROM outbox_message m WHERE m.message_id = wanted LIMIT 1"


class Migration(migrations.Migration):
    dependencies = [("outbox", "0006_refused_addresses")]
    operations = [door("message_of(wanted text)", "workspace_id bigint, id bigint", OF)]
