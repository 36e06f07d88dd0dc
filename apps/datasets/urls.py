"""Addresses about datasets."""

from django.urls import path

from apps.datasets import join_views, source_views, views

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
    path("datasets/<int:dataset_id>/compare/", views.compare, name="compare_snapshots"),
    path("datasets/<int:dataset_id>/related/", join_views.related, name="related_datasets"),
    path("datasets/<int:dataset_id>/related/<int:related_id>/", join_views.join, name="join_dataset"),
    path("datasets/<int:dataset_id>/related/<int:related_id>/remove/", join_views.remove, name="remove_join"),
    path("sources/new/", source_views.kinds, name="source_kinds"),
    path("sources/rest/", source_views.new_pushed, name="new_pushed"),
    path("sources/new/<slug:kind>/", source_views.connect, name="connect_source"),
    path("datasets/<int:dataset_id>/source/", source_views.source, name="source"),
    path("datasets/<int:dataset_id>/source/connection/", source_views.change_connection, name="change_source"),
    path("datasets/<int:dataset_id>/source/pick/", source_views.pick, name="pick_source"),
    path("datasets/<int:dataset_id>/source/plan/", source_views.plan, name="plan_source"),
    path("datasets/<int:dataset_id>/source/refresh/", source_views.refresh, name="refresh_source"),
    path("datasets/<int:dataset_id>/source/pause/", source_views.pause, name="pause_source"),
    path("datasets/<int:dataset_id>/held/<int:held_id>/", source_views.decide, name="decide_held"),
    path("datasets/<int:dataset_id>/change/", views.change, name="change_dataset"),
    path("datasets/<int:dataset_id>/erase/", views.erase_record, name="erase_record"),
]
