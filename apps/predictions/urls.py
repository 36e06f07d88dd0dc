"""Addresses about predictions."""

from django.urls import path

from apps.predictions import views

urlpatterns = [
    path("predictions/", views.predictions, name="predictions"),
    path("predictions/new/", views.new_prediction, name="new_prediction"),
    path("predictions/<int:prediction_id>/open/", views.open_prediction, name="open_prediction"),
    path("predictions/<int:prediction_id>/wizard/<slug:step>/", views.wizard_step, name="wizard"),
    path("predictions/<int:prediction_id>/versions/<int:number>/", views.version, name="version"),
    path(
        "predictions/<int:prediction_id>/versions/<int:number>/progress/",
        views.training_progress,
        name="training_progress",
    ),
    path("predictions/<int:prediction_id>/versions/<int:number>/stop/", views.stop_training, name="stop_training"),
    path("predictions/<int:prediction_id>/versions/<int:number>/enable/", views.enable_version, name="enable_version"),
    path(
        "predictions/<int:prediction_id>/versions/<int:number>/scorecard.json",
        views.download_scorecard,
        name="download_scorecard",
    ),
    path("predictions/<int:prediction_id>/train/", views.train_again, name="train_again"),
    path("predictions/<int:prediction_id>/settings/", views.prediction_settings, name="prediction_settings"),
    path("predictions/<int:prediction_id>/change/", views.change, name="change_prediction"),
]
