"""Opens the workspace that a request names, for members and for API keys; anybody else meets a 404."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from apps.workspaces import audit, support
from apps.workspaces.access import set_up_first
from apps.workspaces.api_keys import is_api, workspace_of_key
from apps.workspaces.at_once import Busy, one_of_few
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.quotas import QuotaReached
from apps.workspaces.scope import person_scope, workspace_scope
from apps.workspaces.two_steps import has_two_steps
from einstein.web.errors import error_page, too_much_page


class WorkspaceScope:
    """`/w/<slug>/...` runs inside that workspace for its members; `/api/v1/...` inside the key's workspace."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.workspace = request.membership = request.support = None
        if is_api(request):
            return self._for_key(request)
        if request.path.startswith("/w/") and request.user.is_authenticated:
            return self._for_member(request)
        return self.get_response(request)

    def _for_member(self, request: HttpRequest) -> HttpResponse:
        slug = request.path.split("/")[2]
        with person_scope(request.user.id):
            membership = membership_of(request.user.id, slug)
        membership = membership or support.membership_by_grant(request, slug)
        if membership is None:
            return error_page(request, 404)
        if membership.workspace.needs_two_steps and not has_two_steps(request.user):
            return set_up_first(request)
        request.workspace, request.membership = membership.workspace, membership
        inside = self._for_support if request.support else self._inside
        return inside(request, membership.workspace_id)

    def _for_support(self, request: HttpRequest, workspace_id: int) -> HttpResponse:
        """The same, and whatever is sent stands in the customer's trail."""
        with workspace_scope(workspace_id), audit.by_support(request.user):
            response = self._inside(request, workspace_id)
            if response.status_code < 500:
                support.record_write(request, response.status_code)
            return response

    def _for_key(self, request: HttpRequest) -> HttpResponse:
        found = workspace_of_key(request.headers.get("Authorization", ""))
        if found is None:
            return self.get_response(request)
        workspace_id, request.api_key_id = found
        try:
            with one_of_few(workspace_id):
                response = self._inside(request, workspace_id)
        except Busy as busy:
            return too_much_page(request, busy)
        for name, value in getattr(request, "rate_headers", {}).items():
            response[name] = value
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """What does not fit into a quota is said, wherever it was noticed; nothing of it stays."""
        if not isinstance(exception, QuotaReached):
            return None
        request.nothing_stays = True
        return too_much_page(request, exception)

    def _inside(self, request: HttpRequest, workspace_id: int) -> HttpResponse:
        with workspace_scope(workspace_id):
            response = self.get_response(request)
            if response.status_code >= 500 or getattr(request, "nothing_stays", False):
                transaction.set_rollback(True)
        return response


def membership_of(user_id: int, slug: str) -> Membership | None:
    """The person's membership of the workspace with this slug, or None; called inside her `person_scope`."""
    workspace = Workspace.objects.filter(slug=slug).first()  # row-level security shows only her own
    if workspace is None:
        return None
    with workspace_scope(workspace.id):
        membership = Membership.objects.filter(user_id=user_id).first()
    if membership is not None:
        membership.workspace = workspace
    return membership
