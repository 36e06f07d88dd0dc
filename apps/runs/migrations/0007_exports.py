from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0006_claim_next")]
    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["ended_at"], condition=models.Q(kind="export"), name="runs_exports"),
        ),
    ]
