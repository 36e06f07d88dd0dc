from django.db import migrations

from apps.workspaces.doors import door

CLAIM = """
UPDATE outbox_message SET due_at = now() + make_interval(secs => claim_seconds)
 WHERE outbox_message.id IN (
    SELECT m.id FROM outbox_message m WHERE m.state = 'pending' AND m.due_at <= now() ORDER BY m.due_at LIMIT most FOR UPDATE SKIP LOCKED)
RETURNING outbox_message.workspace_id, outbox_message.id
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_initial")]
    operations = [door("claim_messages(most int, claim_seconds int)", "workspace_id bigint, id bigint", CLAIM)]
