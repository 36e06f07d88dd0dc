from importlib import import_module

from django.db import migrations, models

datasets = import_module("apps.datasets.migrations.0011_when_deleted")


class Migration(migrations.Migration):
    dependencies = [("predictions", "0005_nothing_while_paused"), ("datasets", "0011_when_deleted")]
    both_releases = datasets.Migration.both_releases

    operations = [
        migrations.AddField(model_name="prediction", name="deleted_at", field=models.DateTimeField(null=True)),
        migrations.RunSQL(datasets.BEGIN_NOW.format(table="predictions_prediction"), datasets.END.format(table="predictions_prediction")),
    ]
