"""Addresses about monitoring."""

from django.urls import path

from apps.monitoring import views

urlpatterns = [
    path("predictions/<int:prediction_id>/monitoring/", views.monitoring, name="monitoring"),
    path("alerts/", views.alerts, name="alerts"),
    path("alerts/<int:alert_id>/", views.alert, name="alert"),
    path("alerts/<int:alert_id>/answer/", views.answer_alert, name="answer_alert"),
]
