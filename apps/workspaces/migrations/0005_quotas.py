import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.workspaces.doors import door

# Rows are taken in the order of the arrays, so that two processes never wait for each other. Workspaces that were erased are passed over.
COUNT_CALLS = """
INSERT INTO workspaces_callcount AS c (workspace_id, caller, month, calls)
SELECT t.w, t.c, t.m, t.n FROM unnest(named, callers, months, counts) WITH ORDINALITY AS t(w, c, m, n, place)
  JOIN workspaces_workspace ON id = t.w ORDER BY t.place
    ON CONFLICT (workspace_id, month, caller) DO UPDATE SET calls = c.calls + EXCLUDED.calls;
INSERT INTO workspaces_callrate AS r (workspace_id, caller, hour, calls, before)
SELECT t.w, t.c, floor(extract(epoch FROM now()) / 3600)::bigint, sum(t.n), 0
  FROM unnest(named, callers, counts) WITH ORDINALITY AS t(w, c, n, place) JOIN workspaces_workspace ON id = t.w
 GROUP BY t.w, t.c ORDER BY min(t.place)
    ON CONFLICT (workspace_id, caller) DO UPDATE SET hour = EXCLUDED.hour,
       calls = CASE WHEN r.hour = EXCLUDED.hour THEN r.calls ELSE 0 END + EXCLUDED.calls,
       before = CASE WHEN r.hour = EXCLUDED.hour THEN r.before WHEN r.hour = EXCLUDED.hour - 1 THEN r.calls ELSE 0 END;
SELECT t.place, r.hour, r.calls, r.before,
       (SELECT COALESCE(sum(c.calls), 0)::bigint FROM workspaces_callcount c WHERE c.workspace_id = t.w AND c.month = t.m AND c.caller LIKE 'key:%')
  FROM unnest(named, callers, months) WITH ORDINALITY AS t(w, c, m, place)
  JOIN workspaces_callrate r ON r.workspace_id = t.w AND r.caller = t.c
"""

TO_MEASURE = """
SELECT id FROM workspaces_workspace WHERE measured_at IS NULL OR measured_at < now() - make_interval(secs => seconds)
 ORDER BY measured_at NULLS FIRST LIMIT most
"""

USAGE = """
SELECT w.id, k.kind, COALESCE(u.used, 0), COALESCE(q.value, k.otherwise)
  FROM workspaces_workspace w CROSS JOIN unnest(kinds, defaults) AS k(kind, otherwise)
  LEFT JOIN workspaces_usage u ON u.workspace_id = w.id AND u.kind = k.kind
  LEFT JOIN workspaces_quota q ON q.workspace_id = w.id AND q.kind = k.kind
 WHERE wanted IS NULL OR w.id = ANY(wanted)
"""


def table(name: str, *fields: tuple, **options: object) -> migrations.CreateModel:
    id_field = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
    workspace = (
        "workspace",
        models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="workspaces.workspace"),
    )
    return migrations.CreateModel(
        name, [id_field, *fields, workspace], options={"abstract": False, "base_manager_name": "objects", **options}
    )


def unique(name: str, *fields: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=fields, name=name)


class Migration(migrations.Migration):
    dependencies = [("workspaces", "0004_pause_and_support")]
    operations = [
        migrations.AddField("workspace", "measured_at", models.DateTimeField(db_index=True, null=True)),
        table(
            "QuotaOverride",
            ("kind", models.CharField(max_length=40)),
            ("value", models.BigIntegerField()),
            ("set_at", models.DateTimeField()),
            ("set_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
            db_table="workspaces_quota",
            constraints=[
                unique("one_quota_per_kind", "workspace", "kind"),
                models.CheckConstraint(condition=models.Q(value__gte=0), name="quota_is_not_negative"),
            ],
        ),
        table(
            "Usage",
            ("kind", models.CharField(max_length=40)),
            ("used", models.BigIntegerField()),
            ("measured_at", models.DateTimeField()),
            constraints=[unique("one_usage_per_kind", "workspace", "kind")],
        ),
        table(
            "CallCount",
            ("caller", models.CharField(max_length=40)),
            ("month", models.DateField()),
            ("calls", models.BigIntegerField()),
            constraints=[unique("one_call_count_per_month", "workspace", "month", "caller")],
        ),
        table(
            "CallRate",
            ("caller", models.CharField(max_length=40)),
            ("hour", models.BigIntegerField()),
            ("calls", models.BigIntegerField()),
            ("before", models.BigIntegerField()),
            constraints=[unique("one_call_rate_per_caller", "workspace", "caller")],
        ),
        door(
            "count_calls(named bigint[], callers text[], months date[], counts bigint[])",
            "place bigint, hour bigint, calls bigint, before bigint, month_calls bigint", COUNT_CALLS,
        ),
        door("workspaces_to_measure(most int, seconds int)", "workspace_id bigint", TO_MEASURE),
        door(
            "workspace_usage(kinds text[], defaults bigint[], wanted bigint[])",
            "workspace_id bigint, kind text, used bigint, most bigint", USAGE,
        ),
    ]
