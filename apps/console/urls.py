"""Addresses for operators, and the workspace's home."""

from django.urls import path

from apps.console import act_views, health, operator_views, views

inside = [path("", views.home, name="home")]
outside = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("console/", views.fleet_health, name="fleet_health"),
    path("console/failures/", operator_views.failures, name="failures"),
    path("console/failures/retry/", act_views.retry_group, name="retry_group"),
    path("console/workspaces/", operator_views.workspaces, name="operators_workspaces"),
    path("console/workspaces/<int:workspace_id>/", operator_views.operators_workspace, name="operators_workspace"),
    path("console/workspaces/<int:workspace_id>/runs/<int:run_id>/retry/", act_views.retry_run, name="retry_run"),
    path("console/workspaces/<int:workspace_id>/pause/", act_views.pause_workspace, name="pause_workspace"),
    path("console/workspaces/<int:workspace_id>/resume/", act_views.resume_workspace, name="resume_workspace"),
    path("console/workspaces/<int:workspace_id>/quota/", act_views.raise_quota, name="raise_quota"),
    path("console/workspaces/<int:workspace_id>/enter/", act_views.enter_workspace, name="enter_workspace"),
    path("console/workspaces/<int:workspace_id>/leave/", act_views.leave_workspace, name="leave_workspace"),
    path("console/drains/", operator_views.drains, name="drains"),
    path("console/drains/start/", act_views.start_drain, name="start_drain"),
    path("console/drains/end/", act_views.end_drain, name="end_drain"),
    path("console/log/", operator_views.log, name="operators_log"),
    path("console/mail/", views.kept_mail, name="kept_mail"),
    path("console/mail/<int:mail_id>/", views.kept_mail_one, name="kept_mail_one"),
]
