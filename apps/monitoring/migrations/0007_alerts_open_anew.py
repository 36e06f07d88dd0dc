from django.db import migrations

# Alerts are grouped into incidents from now on. Those of before are not: the next check opens anew what is still wrong.
FORGET = """
DELETE FROM monitoring_alertevent;
DELETE FROM monitoring_alert;
DELETE FROM monitoring_observation;
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0006_wake_watches")]
    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
