"""REST: score records sent in the body, or read the stored score of one."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.predictions.models import Prediction
from apps.scoring.models import Score
from apps.scoring.score import newest_run, score_records
from apps.scoring.serializers import ScoreAnswer, ScoreRequest, ScoresAnswer
from apps.workspaces.api_keys import MayScore
from einstein.ml.explain import reason_words
from einstein.web.problems import Conflict

VISIBLE = ["active", "paused"]


def visible_prediction(prediction_id: int) -> Prediction:
    """A prediction that answers calls: not archived or deleted, with an enabled version."""
    found = get_object_or_404(
        Prediction.objects.select_related("dataset", "champion"), id=prediction_id, state__in=[*VISIBLE, "draft"]
    )
    if found.champion_id is None:
        raise Conflict(f"{found.name} has no enabled version yet.")
    return found


def stored_answer(score: Score, reasons: int = 3) -> dict[str, Any]:
    """A stored score as the REST answer and the widget show it."""
    newest = newest_run(score.prediction)
    return {
        "key": score.key, "score": score.value, "predicted": score.predicted, "band": score.band, "reasons": _reasons(score.reasons[:reasons]),
        "as_of": score.as_of, "model_version": score.version.number,
        "stale": score.scoring_run_id != newest.id or score.version_id != score.prediction.champion_id,
    }  # fmt: skip


def _reasons(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = ("field", "value", "direction", "size")
    return [{name: reason[name] for name in kept} | {"words": reason_words(reason)} for reason in reasons]


class ScoreRecords(APIView):
    """Score records that are sent along, with reasons. Nothing is stored."""

    permission_classes = [*APIView.permission_classes, MayScore]

    @extend_schema(request=ScoreRequest, responses=ScoresAnswer)
    def post(self, request: Request, prediction_id: int) -> Response:
        prediction = visible_prediction(prediction_id)
        body = ScoreRequest(data=request.data)
        body.is_valid(raise_exception=True)
        records = body.validated_data["records"]
        scores = score_records(prediction.champion, records, body.validated_data["reasons"])
        key_field, now = prediction.dataset.key_field, timezone.now()
        answers = [
            {
                "key": record.get(key_field) if key_field else None, "score": float(scores.value[i]), "predicted": scores.predicted[i],
                "band": scores.bands[i], "reasons": _reasons(scores.reasons[i]), "as_of": now, "model_version": prediction.champion.number, "stale": False,
            }
            for i, record in enumerate(records)
        ]  # fmt: skip
        return Response(ScoresAnswer({"scores": answers}).data)


class StoredScore(APIView):
    """The stored score of one record by its key."""

    @extend_schema(responses=ScoreAnswer)
    def get(self, request: Request, prediction_id: int, key: str) -> Response:
        prediction = visible_prediction(prediction_id)
        score = get_object_or_404(Score.objects.select_related("version", "prediction"), prediction=prediction, key=key)
        return Response(ScoreAnswer(stored_answer(score)).data)
