"""Addresses about scores."""

from django.urls import path

from apps.scoring import views

urlpatterns = [
    path("predictions/<int:prediction_id>/scores/", views.scores, name="scores"),
    path("predictions/<int:prediction_id>/scores/progress/", views.scoring_progress, name="scoring_progress"),
    path("predictions/<int:prediction_id>/scores/now/", views.score_now, name="score_now"),
    path("predictions/<int:prediction_id>/scores.<slug:form>", views.download, name="download_scores"),
    path("predictions/<int:prediction_id>/what-if/<path:key>/", views.try_values, name="what_if"),
    path("predictions/<int:prediction_id>/records/<path:key>/", views.record, name="record"),
]
