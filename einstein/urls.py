"""Every address of the product."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from apps.console.urls import inside as console_inside
from apps.console.urls import outside as console_outside
from apps.datasets.api import BatchState, SendRecords
from apps.deliveries.api import MintToken
from apps.deliveries.delivery_views import leave
from apps.deliveries.widget_views import widget_frame, widget_score, widget_script, widget_what_if
from apps.monitoring.urls import outside as monitoring_outside
from apps.scoring.api import Predictions, ScoreRecords, StoredScore, StoredScores
from apps.workspaces.urls import inside as workspace_inside
from apps.workspaces.urls import outside as workspace_outside
from einstein.web.api_docs import api_docs
from einstein.web.python_client import python_client

inside = [
    *console_inside,
    *workspace_inside,
    path("", include("apps.datasets.urls")),
    path("", include("apps.predictions.urls")),
    path("", include("apps.scoring.urls")),
    path("", include("apps.deliveries.urls")),
    path("", include("apps.monitoring.urls")),
    path("", include("apps.pipeline.urls")),
]

urlpatterns = [
    *workspace_outside,
    *console_outside,
    *monitoring_outside,
    path("accounts/", include("allauth.urls")),
    path("w/<slug:slug>/", include(inside)),
    path("api/v1/datasets/<int:dataset_id>/records", SendRecords.as_view(), name="api_records"),
    path("api/v1/datasets/<int:dataset_id>/batches/<int:batch_id>", BatchState.as_view(), name="api_batch"),
    path("api/v1/predictions/<int:prediction_id>/score", ScoreRecords.as_view(), name="api_score"),
    path("api/v1/predictions", Predictions.as_view(), name="api_predictions"),
    path("api/v1/predictions/<int:prediction_id>/scores", StoredScores.as_view(), name="api_stored_scores"),
    path("api/v1/predictions/<int:prediction_id>/scores/<path:key>", StoredScore.as_view(), name="api_stored_score"),
    path("api/v1/widgets/<int:widget_id>/token", MintToken.as_view(), name="api_token"),
    path(
        "api/schema/",
        SpectacularAPIView.as_view(authentication_classes=[], permission_classes=[], throttle_classes=[]),
        name="api_schema",
    ),
    path("api/docs/", api_docs, name="api_docs"),
    path("api/client.py", python_client, name="python_client"),
    path("lists/<str:token>/", leave, name="leave_list"),
    path("widget/v1/widget.js", widget_script, name="widget_script"),
    path("widget/v1/score", widget_score, name="widget_score"),
    path("widget/v1/what-if", widget_what_if, name="widget_what_if"),
    path("widget/v1/frame/<str:key>", widget_frame, name="widget_frame"),
]

handler400 = "einstein.web.errors.bad_request"
handler403 = "einstein.web.errors.forbidden"
handler404 = "einstein.web.errors.not_found"
handler429 = "einstein.web.errors.too_many"  # allauth's word for it
handler500 = "einstein.web.errors.server_error"
