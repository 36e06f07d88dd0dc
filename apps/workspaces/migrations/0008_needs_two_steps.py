from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0007_sessions_begin_anew")]
    operations = [
        migrations.AddField(
            model_name="workspace", name="needs_two_steps", field=models.BooleanField(default=False, db_default=False),
        ),
    ]
