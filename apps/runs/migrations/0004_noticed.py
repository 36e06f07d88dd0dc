from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("runs", "0003_doors")]
    # Runs of before count as noticed; those to come do not.
    operations = [
        migrations.AddField("run", "noticed", models.BooleanField(default=True, db_default=True)),
        migrations.AlterField("run", "noticed", models.BooleanField(default=False, db_default=False)),
        migrations.AddIndex(
            "run",
            models.Index(fields=["ended_at"], condition=Q(kind="score", noticed=False, ended_at__isnull=False), name="runs_unnoticed"),
        ),
    ]
