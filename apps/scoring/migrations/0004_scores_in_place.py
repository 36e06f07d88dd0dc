import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0005_nothing_while_paused"), ("scoring", "0003_what_came_true")]
    both_releases = "How full pages are filled and which indexes there are changes how fast the release before writes scores, not what it reads."
    operations = [
        migrations.AlterField(
            model_name="score",
            name="prediction",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="predictions.prediction",
            ),
        ),
        migrations.AlterField(
            model_name="score",
            name="scoring_run",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="scoring.scoringrun",
            ),
        ),
        migrations.RunSQL(
            "ALTER TABLE scoring_score SET (fillfactor = 45)", "ALTER TABLE scoring_score RESET (fillfactor)"
        ),
    ]
