from django.db import migrations


class Migration(migrations.Migration):
    """Sessions from before have no row that says whose they are; everybody logs in once more."""

    dependencies = [("workspaces", "0006_shared_cache"), ("sessions", "0001_initial")]
    operations = [migrations.RunSQL("DELETE FROM django_session", migrations.RunSQL.noop)]
