from django.db import migrations, models

# By the database, so that it is noted of the release before too, and of code that changes the state in another way.
NOTE = """
CREATE OR REPLACE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.deleted_at := CASE WHEN NEW.state = 'deleted' THEN now() END;
    RETURN NEW;
END $$;
"""
BEGIN_NOW = """
UPDATE {table} SET deleted_at = now() WHERE state = 'deleted';
CREATE TRIGGER deletion_is_noted BEFORE UPDATE OF state ON {table}
   FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_deletion();
"""
END = "DROP TRIGGER deletion_is_noted ON {table};"


class Migration(migrations.Migration):
    dependencies = [("datasets", "0010_nothing_while_paused")]
    both_releases = "the release before neither reads nor writes deleted_at; the trigger does it for it"

    operations = [
        migrations.AddField(model_name="dataset", name="deleted_at", field=models.DateTimeField(null=True)),
        migrations.RunSQL(NOTE, "DROP FUNCTION note_deletion();"),
        migrations.RunSQL(BEGIN_NOW.format(table="datasets_dataset"), END.format(table="datasets_dataset")),
    ]
