from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0005_nothing_while_paused")]

    operations = [
        migrations.AddField(model_name="prediction", name="deleted_at", field=models.DateTimeField(null=True)),
    ]
