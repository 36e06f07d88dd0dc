"""Addresses of what concerns a workspace as a whole."""

from django.urls import path

from apps.pipeline import views

urlpatterns = [
    path("settings/export/", views.export, name="export"),
    path("settings/export/<int:run_id>/", views.take_export, name="take_export"),
]
