from django.db import migrations

MAKE = """
CREATE TABLE shared_cache (key text PRIMARY KEY, value text NOT NULL, expires_at timestamptz);
CREATE INDEX shared_cache_to_sweep ON shared_cache (expires_at) WHERE expires_at IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0005_quotas")]
    operations = [migrations.RunSQL(MAKE, "DROP TABLE shared_cache")]
