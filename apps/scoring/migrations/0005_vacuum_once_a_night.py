from django.db import migrations

SETTINGS = {
    "autovacuum_vacuum_scale_factor": 0.9,
    "autovacuum_analyze_scale_factor": 0.9,
}
PAIRS = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())


class Migration(migrations.Migration):
    dependencies = [("scoring", "0004_scores_in_place")]
    both_releases = "How often PostgreSQL looks after the table changes nothing that either release reads or writes."
    operations = [
        migrations.RunSQL(
            f"ALTER TABLE scoring_score SET ({PAIRS})", f"ALTER TABLE scoring_score RESET ({', '.join(SETTINGS)})"
        ),
        # Reasons are never searched, and their statistics were most of what an analysis took.
        migrations.RunSQL(
            "ALTER TABLE scoring_score ALTER COLUMN reasons SET STATISTICS 0",
            "ALTER TABLE scoring_score ALTER COLUMN reasons SET STATISTICS -1",
        ),
    ]
