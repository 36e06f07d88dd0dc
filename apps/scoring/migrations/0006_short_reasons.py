from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scoring", "0005_vacuum_once_a_night")]
    both_releases = (
        "The release before neither reads nor writes the short reasons. It finds no reasons on scores of this one until it has scored again; "
        "what it writes is read by this one."
    )
    operations = [
        migrations.AddField("score", "short_reasons", models.TextField(db_default="", default="")),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("score", "reasons", "reasons_before"),
                migrations.AlterField("score", "reasons_before", models.JSONField(db_column="reasons", default=list)),
            ]
        ),
        migrations.RunSQL(
            "ALTER TABLE scoring_score ALTER COLUMN short_reasons SET STATISTICS 0",
            "ALTER TABLE scoring_score ALTER COLUMN short_reasons SET STATISTICS -1",
        ),
    ]
