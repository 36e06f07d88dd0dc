"""REST: score records sent in the body, or read the stored score of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.predictions.definition import outcome_words
from apps.predictions.models import Prediction
from apps.scoring.model_cache import model_of
from apps.scoring.models import Score, ScoringRun
from apps.scoring.queries import BANDS, current_scores
from apps.scoring.score import newest_run, score_records
from apps.scoring.serializers import (
    MOST_RECORDS,
    PredictionAnswer,
    ScoreRequest,
    ScoresAnswer,
    StoredScoreAnswer,
)
from apps.workspaces.api_keys import MayScore
from apps.workspaces.scope import current_workspace_id
from einstein.ml.outside import outside
from einstein.ml.reader.structured import flatten
from einstein.ml.reasons import reason_words
from einstein.postgres import moment
from einstein.web.api_docs import answers
from einstein.web.problems import Conflict

NOTHING_KNOWN = {"code": "no_known_field", "detail": "The record has none of the fields that the model learnt from."}
VISIBLE = ["active", "paused"]


def visible_prediction(prediction_id: int) -> Prediction:
    """A prediction that answers calls: not archived or deleted, with an enabled version."""
    found = get_object_or_404(
        # The version's facts weigh a hundred kilobytes, and no call needs them.
        Prediction.objects.select_related("dataset", "champion").defer("champion__facts"),
        id=prediction_id,
        state__in=[*VISIBLE, "draft"],
    )
    if found.champion_id is None:
        raise Conflict(f"{found.name} has no enabled version yet.")
    return found


# By hand, because building this query from models takes longer than scoring a record.
LIVE_VERSION = """
SELECT v.number, v.hash, v.storage_key, d.key_field FROM predictions_prediction p
  JOIN predictions_modelversion v ON v.id = p.champion_id JOIN datasets_dataset d ON d.id = p.dataset_id
 WHERE p.workspace_id = %s AND p.id = %s AND p.state = ANY(%s)
"""


@dataclass(frozen=True)
class LiveVersion:
    """What a call to score needs of a prediction and its version. Whole rows of three tables would cost more than the score."""

    number: int
    hash: str
    storage_key: str
    key_field: str


def live_version(prediction_id: int) -> LiveVersion:
    """The enabled version of a prediction that answers calls; 404 and 409 as `visible_prediction`."""
    with connection.cursor() as cursor:
        cursor.execute(LIVE_VERSION, [current_workspace_id(), prediction_id, VISIBLE])
        found = cursor.fetchone()
    if found is None:
        visible_prediction(prediction_id)
        raise Http404
    return LiveVersion(*found)


def stored_answer(score: Score, reasons: int = 3) -> dict[str, Any]:
    """A stored score as the REST answer and the widget show it."""
    newest = newest_run(score.prediction)
    return as_answer(score, is_stale(score, newest, score.prediction), reasons)


def is_stale(score: Score, newest: ScoringRun, prediction: Prediction) -> bool:
    """Whether a score is not of the newest run, or not of the version in use."""
    return score.scoring_run_id != newest.id or score.version_id != prediction.champion_id


def as_answer(score: Score, stale: bool, reasons: int = 3) -> dict[str, Any]:
    return {
        "key": score.key, "score": score.value, "predicted": score.predicted, "band": score.band, "reasons": _reasons(score.reasons[:reasons]),
        "as_of": score.as_of, "model_version": score.version.number, "stale": stale,
    }  # fmt: skip


def _reasons(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kept = ("field", "value", "direction", "size")
    return [{name: reason[name] for name in kept} | {"words": reason_words(reason)} for reason in reasons]


class ScoreRecords(APIView):
    """Score records that are sent along, with reasons. Nothing is stored, so a call may be repeated safely."""

    permission_classes = [*APIView.permission_classes, MayScore]

    @extend_schema(
        operation_id="score_records", request=ScoreRequest, responses=answers(200, ScoresAnswer, 400, 401, 403, 404, 409, 413, 415, 429, 503),
        examples=[OpenApiExample("One record, three reasons", {"records": [{"customerID": "new-1", "Contract": "Two year", "tenure": 12}], "reasons": 3}, request_only=True)],
    )  # fmt: skip
    def post(self, request: Request, prediction_id: int) -> Response:
        version = live_version(prediction_id)
        records, reasons = _body_of(request.data)
        common = {"as_of": moment.now(), "model_version": version.number, "stale": False}
        found = [
            _scored(record, version.key_field) | one | common
            for record, one in zip(records, score_sent(version, records, reasons), strict=True)
        ]
        return Response({"scores": found})


def _scored(record: dict[str, Any], key_field: str) -> dict[str, Any]:
    key = record.get(key_field) if key_field else None
    return {"key": None if key is None else str(key)}


def score_sent(version: LiveVersion, records: list[dict[str, Any]], reasons: int) -> list[dict[str, Any]]:
    """Each record's score with warnings, or what is wrong with it."""
    flat = [flatten(record) for record in records]
    model = model_of(version)
    known = set(model.encoder.fields)
    usable = [place for place, record in enumerate(flat) if known & record.keys()]
    scores = score_records(version, [flat[place] for place in usable], reasons) if usable else None
    answers_by_place = {place: number for number, place in enumerate(usable)}
    found = []
    for place, record in enumerate(flat):
        number = answers_by_place.get(place)
        if number is None or scores is None:
            found.append(
                {"score": None, "predicted": None, "band": None, "reasons": [], "warnings": [], "error": NOTHING_KNOWN}
            )
            continue
        found.append({
            "score": float(scores.value[number]), "predicted": scores.predicted[number], "band": scores.bands[number], "reasons": _reasons(scores.reasons[number]),
            "warnings": outside(model, record), "error": None,
        })  # fmt: skip
    return found


def _body_of(data: Any) -> tuple[list[dict[str, Any]], int]:
    """(records, how many reasons): the usual body is taken as it is, any other is judged by the serializer."""
    if isinstance(data, dict) and data.keys() <= {"records", "reasons"}:
        records, reasons = data.get("records"), data.get("reasons", 3)
        fits = (
            isinstance(records, list)
            and 0 < len(records) <= MOST_RECORDS
            and all(isinstance(record, dict) for record in records)
        )
        if fits and type(reasons) is int and 0 <= reasons <= 10:
            return records, reasons
    body = ScoreRequest(data=data)
    body.is_valid(raise_exception=True)
    return body.validated_data["records"], body.validated_data["reasons"]


class StoredScore(APIView):
    """The stored score of one record by its key. With If-None-Match and the ETag of before, 304 when it is still the same."""

    @extend_schema(
        operation_id="stored_score",
        responses=answers(200, StoredScoreAnswer, 401, 404, 409, 429)
        | {304: OpenApiResponse(description="Not modified")},
    )
    def get(self, request: Request, prediction_id: int, key: str) -> Response:
        prediction = visible_prediction(prediction_id)
        score = get_object_or_404(Score.objects.select_related("version", "prediction"), prediction=prediction, key=key)
        answer = stored_answer(score)
        etag = f'"{score.id}-{score.as_of.timestamp():.6f}-{score.version_id}-{int(answer["stale"])}"'
        if etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
            return Response(status=304, headers={"ETag": etag})
        return Response(StoredScoreAnswer(answer).data, headers={"ETag": etag})


class ScorePages(CursorPagination):
    """Pages that stay right while scores change: the place is a score, not a number of rows."""

    page_size, max_page_size, page_size_query_param, ordering = 100, 1000, "limit", ("-value", "id")
    offset_cutoff = None  # with many equal scores the offset among them grows past any limit


class StoredScores(ListAPIView):
    """All stored scores of the newest scoring, the highest first, a page at a time. `band` narrows them down."""

    serializer_class = StoredScoreAnswer
    pagination_class = ScorePages

    def get_queryset(self) -> QuerySet[Score]:
        prediction = visible_prediction(self.kwargs["prediction_id"])
        band = self.request.query_params.get("band", "")
        if band and band not in BANDS:
            raise ValidationError({"band": ["It is high, medium or low."]})
        run = newest_run(prediction)
        self.newest, self.prediction = run, prediction
        return current_scores(prediction, run, band, "").select_related("version").defer("version__facts")

    @extend_schema(
        operation_id="stored_scores", responses=answers(200, StoredScoreAnswer(many=True), 400, 401, 404, 409, 429),
        parameters=[OpenApiParameter("band", str, enum=list(BANDS))],
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.paginate_queryset(self.get_queryset())
        found = [as_answer(row, is_stale(row, self.newest, self.prediction)) for row in rows]
        return self.get_paginated_response(StoredScoreAnswer(found, many=True).data)


class Predictions(APIView):
    """The predictions that can be asked, with the numbers that name them."""

    @extend_schema(operation_id="predictions", responses=answers(200, PredictionAnswer(many=True), 401, 429))
    def get(self, request: Request) -> Response:
        newest = ScoringRun.objects.filter(prediction=OuterRef("id")).order_by("-as_of").values("as_of")[:1]
        found = (
            Prediction.objects.filter(state__in=VISIBLE, champion__isnull=False)
            .select_related("champion")
            .defer("champion__facts")
        )
        rows = [
            {
                "id": row.id, "name": row.name, "outcome": outcome_words(row), "task": row.task, "model_version": row.champion.number, "scored_at": row.scored_at,
                "next_run_at": row.next_run_at,
            }
            for row in found.annotate(scored_at=Subquery(newest)).order_by("name", "id")[:1000]
        ]  # fmt: skip
        return Response(PredictionAnswer(rows, many=True).data)
