"""Addresses about datasets."""

from django.urls import path

from apps.datasets import views

urlpatterns = [
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/upload/", views.upload, name="upload"),
    path("datasets/<int:dataset_id>/", views.dataset, name="dataset"),
    path("datasets/<int:dataset_id>/reading/", views.reading, name="reading"),
    path("datasets/<int:dataset_id>/rows/", views.rows, name="dataset_rows"),
    path("datasets/<int:dataset_id>/snapshots/", views.snapshots, name="snapshots"),
    path("datasets/<int:dataset_id>/upload/", views.upload, name="upload_newer"),
    path("datasets/<int:dataset_id>/fields/<int:field_id>/type/", views.choose_type, name="choose_type"),
    path("datasets/<int:dataset_id>/key/", views.choose_key, name="choose_key"),
    path("datasets/<int:dataset_id>/change/", views.change, name="change_dataset"),
]
