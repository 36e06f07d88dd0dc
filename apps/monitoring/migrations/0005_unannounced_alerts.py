from django.db import migrations

from apps.workspaces.doors import door

# Alerts of before this migration are history; nobody needs to hear of them now.
UNANNOUNCED = """
SELECT workspace_id, id FROM monitoring_alert
 WHERE announced_at IS NULL AND told_at > now() - interval '1 day' ORDER BY id LIMIT most
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0004_alert_announced_at")]
    operations = [door("unannounced_alerts(most int)", "workspace_id bigint, id bigint", UNANNOUNCED)]
