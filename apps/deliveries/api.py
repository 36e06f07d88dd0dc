"""REST: mint a widget token for one record, from the host page's server."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.deliveries.models import Widget
from apps.deliveries.tokens import MOST_LISTED, TOKEN_SECONDS, mint_list_token, mint_token
from apps.workspaces.api_keys import MayScore
from einstein.web.api_docs import answers


class TokenRequest(serializers.Serializer):
    """The origin of the page that will show it, and either the record's `key` or for a list how many of the highest scores (`top`)."""

    origin = serializers.CharField(max_length=200)
    key = serializers.CharField(max_length=300, required=False)
    top = serializers.IntegerField(min_value=1, max_value=MOST_LISTED, required=False)

    def validate(self, attrs: dict) -> dict:
        if ("key" in attrs) == ("top" in attrs):
            raise ValidationError({"key": ["Name a record by its key, or ask for a list by top; one of the two."]})
        return attrs


class TokenAnswer(serializers.Serializer):
    token = serializers.CharField()
    expires_in = serializers.IntegerField()


class MintToken(APIView):
    """A token that lets one widget show one record, or a list, on one origin for five minutes."""

    permission_classes = [*APIView.permission_classes, MayScore]

    @extend_schema(
        operation_id="mint_widget_token",
        request=TokenRequest,
        responses=answers(200, TokenAnswer, 400, 401, 403, 404, 413, 415, 429, 503),
    )
    def post(self, request: Request, widget_id: int) -> Response:
        widget = get_object_or_404(Widget, id=widget_id)
        body = TokenRequest(data=request.data)
        body.is_valid(raise_exception=True)
        origin = body.validated_data["origin"].lower().rstrip("/")
        if origin not in widget.origins:
            raise ValidationError({"origin": [f"This widget is shown on {', '.join(widget.origins)} only."]})
        top = body.validated_data.get("top")
        token = mint_list_token(widget, top, origin) if top else mint_token(widget, body.validated_data["key"], origin)
        return Response({"token": token, "expires_in": TOKEN_SECONDS})
