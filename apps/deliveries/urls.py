"""Addresses about deliveries and widgets."""

from django.urls import path

from apps.deliveries import delivery_views, widget_views

urlpatterns = [
    path("predictions/<int:prediction_id>/deliveries/", delivery_views.deliveries, name="deliveries"),
    path("predictions/<int:prediction_id>/deliveries/new/", delivery_views.kinds, name="delivery_kinds"),
    path(
        "predictions/<int:prediction_id>/deliveries/new/<slug:kind>/", delivery_views.connect, name="connect_delivery"
    ),
    path("predictions/<int:prediction_id>/deliveries/<int:delivery_id>/", delivery_views.delivery, name="delivery"),
    path(
        "predictions/<int:prediction_id>/deliveries/<int:delivery_id>/connection/",
        delivery_views.change_connection,
        name="change_delivery_connection",
    ),
    path(
        "predictions/<int:prediction_id>/deliveries/<int:delivery_id>/target/",
        delivery_views.target,
        name="delivery_target",
    ),
    path(
        "predictions/<int:prediction_id>/deliveries/<int:delivery_id>/plan/", delivery_views.plan, name="plan_delivery"
    ),
    path(
        "predictions/<int:prediction_id>/deliveries/<int:delivery_id>/change/",
        delivery_views.change,
        name="change_delivery",
    ),
    path(
        "predictions/<int:prediction_id>/deliveries/<int:delivery_id>/sendings/<int:sending_id>/",
        delivery_views.decide,
        name="decide_sending",
    ),
    path("predictions/<int:prediction_id>/widgets/", widget_views.widgets, name="widgets"),
    path("predictions/<int:prediction_id>/widgets/<int:widget_id>/", widget_views.widget, name="widget"),
    path("predictions/<int:prediction_id>/widgets/<int:widget_id>/turn/", widget_views.turn_key, name="turn_key"),
    path(
        "predictions/<int:prediction_id>/widgets/<int:widget_id>/addresses.csv",
        widget_views.addresses,
        name="widget_addresses",
    ),
]
