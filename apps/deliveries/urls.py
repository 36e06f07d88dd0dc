"""Addresses about deliveries."""

from django.urls import path

from apps.deliveries import views

urlpatterns = [
    path("predictions/<int:prediction_id>/widgets/", views.widgets, name="widgets"),
    path("predictions/<int:prediction_id>/widgets/<int:widget_id>/", views.widget, name="widget"),
    path("predictions/<int:prediction_id>/widgets/<int:widget_id>/turn/", views.turn_key, name="turn_key"),
    path(
        "predictions/<int:prediction_id>/widgets/<int:widget_id>/addresses.csv",
        views.addresses,
        name="widget_addresses",
    ),
]
