from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets", "0010_nothing_while_paused")]

    operations = [
        migrations.AddField(model_name="dataset", name="deleted_at", field=models.DateTimeField(null=True)),
    ]
