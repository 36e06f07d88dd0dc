"""REST: records that other programs send, and what became of them."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets.models import Dataset, PushedBatch
from apps.datasets.push import MOST_RECORDS, BatchRefused, KeyUsedBefore, receive_batch
from apps.datasets.queries import enrichment_of
from apps.workspaces.api_keys import MaySend
from einstein.web.api_docs import answers
from einstein.web.problems import Conflict

EXAMPLE = {"records": [{"customer_id": "C-1001", "plan": "Plus", "monthly": 42.5, "since": "2024-03-01"}]}


class RecordsSent(serializers.Serializer):
    """Up to 5,000 records, each an object of field names and values. Fields that a record does not name stay as they were; null clears them."""

    records = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=MOST_RECORDS)


class Batch(serializers.ModelSerializer):
    """`state` is waiting, taken (in snapshot `snapshot`), held (a person must decide) or refused; `words` say why."""

    batch = serializers.IntegerField(source="id")
    state = serializers.ChoiceField(choices=["waiting", "taken", "held", "refused"])
    snapshot = serializers.IntegerField(source="snapshot_number", allow_null=True)

    class Meta:
        model = PushedBatch
        fields = ["batch", "records", "state", "words", "snapshot", "received_at", "taken_at"]


class SendRecords(APIView):
    """Add records to a dataset or change them, by key."""

    permission_classes = [*APIView.permission_classes, MaySend]

    @extend_schema(
        operation_id="send_records", request=RecordsSent, responses=answers(202, Batch, 400, 401, 403, 404, 409, 413, 415, 429, 503),
        parameters=[OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key with the same records counts once.")],
        examples=[OpenApiExample("Two lines are enough", EXAMPLE, request_only=True)],
    )  # fmt: skip
    def post(self, request: Request, dataset_id: int) -> Response:
        dataset = get_object_or_404(Dataset, id=dataset_id, state="active")
        if not dataset.key_field:
            raise Conflict(
                f"{dataset.name} has no key field, so records cannot be told apart. Pick it on the dataset’s page."
            )
        if made := enrichment_of(dataset):
            raise Conflict(f"{dataset.name} is made from other datasets. Send the records to {made.base.name}.")
        body = RecordsSent(data=request.data)
        body.is_valid(raise_exception=True)
        idempotency_key = request.headers.get("Idempotency-Key", "")
        if len(idempotency_key) > 120:
            raise ValidationError({"Idempotency-Key": ["At most 120 characters."]})
        try:
            batch = receive_batch(dataset, body.validated_data["records"], idempotency_key, request.auth.name)
        except BatchRefused as refused:
            raise ValidationError({place: [words] for place, words in refused.errors.items()}) from refused
        except KeyUsedBefore as used:
            raise Conflict("This idempotency key came before with other records. Use a new one.") from used
        return Response(Batch(batch).data, status=202)


class BatchState(APIView):
    """What became of a batch of records."""

    @extend_schema(operation_id="batch_state", responses=answers(200, Batch, 401, 404, 429))
    def get(self, request: Request, dataset_id: int, batch_id: int) -> Response:
        batch = get_object_or_404(PushedBatch, id=batch_id, dataset_id=dataset_id)
        return Response(Batch(batch).data)
