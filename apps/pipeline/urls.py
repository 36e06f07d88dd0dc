"""Addresses of what concerns a workspace as a whole."""

from django.urls import path

from apps.pipeline import usage_views, views

urlpatterns = [
    path("settings/retention/", views.retention, name="retention"),
    path("settings/export/", views.export, name="export"),
    path("settings/export/<int:run_id>/", views.take_export, name="take_export"),
    path("settings/usage/", usage_views.usage, name="usage"),
    path("settings/usage/count/", usage_views.measure_again, name="measure_again"),
]
