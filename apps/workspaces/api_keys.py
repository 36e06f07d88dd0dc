"""API keys: made, shown once, looked up by their hash, throttled."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.workspaces import audit, calls
from apps.workspaces.models import ApiKey, User
from apps.workspaces.people import hash_token
from apps.workspaces.quotas import QuotaReached, limit_of, registry
from einstein.postgres import moment
from einstein.web.clock_words import duration
from einstein.web.problems import TooMuch

if TYPE_CHECKING:
    from rest_framework.views import APIView


def create_key(creator: User, name: str, scope: str) -> tuple[ApiKey, str]:
    """Make a key; its plain text is returned this once and never stored."""
    plain = f"ek_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        name=name, prefix=plain[:9], key_hash=hash_token(plain), scope=scope, created_by=creator
    )
    audit.record(creator, "API key created", name, scope=scope)
    return key, plain


def revoke_key(actor: User, key: ApiKey) -> None:
    key.revoked_at = moment.now()
    key.save(update_fields=["revoked_at"])
    audit.record(actor, "API key revoked", key.name)


def workspace_of_key(header: str) -> tuple[int, int] | None:
    """(workspace id, key id) for an Authorization header, or None."""
    scheme, _, plain = header.partition(" ")
    if scheme.lower() != "bearer" or not plain:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM live_api_key(%s)", [hash_token(plain.strip())])
        return cursor.fetchone()


class Paused(APIException):
    """An operator has paused the workspace: programs may read, not write."""

    status_code = 503
    default_code = "paused"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This workspace is paused by the operator of the installation: {reason}")


class ApiKeyAuthentication(BaseAuthentication):
    """The middleware opened the key's workspace; here the key itself becomes the caller."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        key_id = getattr(request._request, "api_key_id", None)
        if key_id is None:
            if "Authorization" in request.headers:
                raise AuthenticationFailed("This API key is unknown or was revoked.")
            return None
        key = ApiKey.objects.select_related("workspace").get(id=key_id)
        if key.workspace.paused_at is not None and request.method not in {"GET", "HEAD", "OPTIONS"}:
            raise Paused(key.workspace.pause_reason)
        now = moment.now()
        if key.last_used_at is None or (now - key.last_used_at).total_seconds() > 60:
            ApiKey.objects.filter(id=key.id).update(last_used_at=now)
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class KeyHolder:
    """What DRF sees as the user of a call: a key, not a person."""

    is_authenticated = True

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.pk = key.pk


class MayScore(BasePermission):
    """Keys that only read may not score or mint tokens."""

    message = "This key may only read. Make a key that may score."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return getattr(request.auth, "scope", "") in {"score", "all"}


class MaySend(BasePermission):
    """Keys that do not say so may not send records into datasets."""

    message = "This key may not send records. Make a key that may."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return getattr(request.auth, "scope", "") in {"send", "all"}


class TooManyCalls(TooMuch):
    """The key has made as many calls within an hour as it may."""

    default_code = "throttled"


class KeyThrottle(BaseThrottle):
    """So many calls an hour a key; every answer says how many are left (IETF draft, RateLimit header fields for HTTP)."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        if not request.auth:
            return True
        taken = calls.take(f"key:{request.auth.pk}", settings.KEY_CALLS_AN_HOUR, limit_of("api_calls"))
        request._request.rate_headers = {
            "RateLimit-Limit": str(taken.limit), "RateLimit-Remaining": str(taken.left), "RateLimit-Reset": str(taken.reset),
        }  # fmt: skip
        if taken.is_full:
            raise QuotaReached(registry()["api_calls"], taken.month, limit_of("api_calls"), 1)
        if not taken.allowed:
            words = f"This key may call {taken.limit:,} times an hour. Call again in {duration(taken.wait)}, or send more records a call."
            raise TooManyCalls(words, taken.wait)
        return True


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "apps.workspaces.api_keys.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: object) -> dict:
        return {"type": "http", "scheme": "bearer"}


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/v1/")
