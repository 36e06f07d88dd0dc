from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0009_incident_doors")]
    operations = [migrations.AddField("operatorincident", "good_since", models.DateTimeField(null=True))]
