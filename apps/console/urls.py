"""Addresses for operators, and the workspace's home."""

from django.urls import path

from apps.console import health, views

inside = [path("", views.home, name="home")]
outside = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("console/", views.fleet_health, name="fleet_health"),
    path("console/mail/", views.kept_mail, name="kept_mail"),
    path("console/mail/<int:mail_id>/", views.kept_mail_one, name="kept_mail_one"),
]
