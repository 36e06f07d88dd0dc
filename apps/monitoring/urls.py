"""Addresses about monitoring. `outside` are reached from e-mails, without logging in."""

from django.urls import path

from apps.monitoring import mail_views, settings_views, views

urlpatterns = [
    path("health/", views.health, name="health"),
    path("predictions/<int:prediction_id>/monitoring/", views.monitoring, name="monitoring"),
    path("predictions/<int:prediction_id>/monitoring/fields/", views.fields, name="monitored_fields"),
    path("predictions/<int:prediction_id>/monitoring/field/", views.field_records, name="field_records"),
    path("predictions/<int:prediction_id>/monitoring/compare/", views.compare, name="compare_periods"),
    path("predictions/<int:prediction_id>/monitoring/settings/", settings_views.alert_settings, name="alert_settings"),
    path("predictions/<int:prediction_id>/monitoring/learn/", settings_views.learn_it, name="learn_it"),
    path("alerts/", views.alerts, name="alerts"),
    path("alerts/<int:incident_id>/", views.alert, name="alert"),
    path("alerts/<int:incident_id>/answer/", views.answer_alert, name="answer_alert"),
]

outside = [
    path("alerts/answer/<str:token>/", mail_views.answer, name="answer_by_mail"),
    path("alerts/leave/<str:token>/", mail_views.leave, name="leave_alerts"),
    path("alerts/join/<str:token>/", mail_views.join, name="join_alerts"),
]
