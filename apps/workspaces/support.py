"""Support access: an admin lets operators look into her workspace for a while. Without a live grant no operator gets in."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now
from django.http import HttpRequest

from apps.workspaces import audit
from apps.workspaces.models import Membership, SupportGrant, User, Workspace
from apps.workspaces.scope import current_workspace_id, workspace_scope

LASTS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
ENTERED = "support_grant"  # the session's key: the grant through which the operator came in
SAFE = {"GET", "HEAD", "OPTIONS"}


def grant(admin: User, lasts: str, role: str) -> SupportGrant:
    """Let operators in from now on; a grant before is replaced. Raises KeyError for an unknown time, ValueError for an unknown role."""
    if role not in {"viewer", "builder"}:
        raise ValueError(role)
    until = Now() + LASTS[lasts]
    Workspace.objects.select_for_update().get(id=current_workspace_id())
    SupportGrant.objects.filter(revoked_at=None).update(revoked_at=Now())
    made = SupportGrant.objects.create(role=role, granted_by=admin, expires_at=until)
    made.refresh_from_db()
    audit.record(admin, "support access granted", f"as {role}, for one {lasts}", until=made.expires_at.isoformat())
    return made


def revoke(admin: User) -> bool:
    """Shut the door at once; False when it was shut."""
    live = SupportGrant.objects.filter(revoked_at=None, expires_at__gt=Now())
    if not live.update(revoked_at=Now()):
        return False
    audit.record(admin, "support access taken back")
    return True


def live_grant(workspace_id: int) -> SupportGrant | None:
    """The grant that lets operators in now, by the database's clock."""
    return _grant("", workspace_id)


def enter(request: HttpRequest, workspace_id: int) -> Workspace | None:
    """Open the workspace for this operator's session, and say so in its trail; None without a live grant."""
    found = live_grant(workspace_id)
    if found is None:
        return None
    leave(request)
    request.session[ENTERED] = {"grant": found.id, "workspace": workspace_id}
    with workspace_scope(workspace_id), audit.by_support(request.user):
        audit.record(request.user, "support came in", request.user.email, role=found.role)
        return Workspace.objects.get(id=workspace_id)


def leave(request: HttpRequest) -> int | None:
    """Go out of whichever workspace she is in; its number, None when she was in none or it was erased."""
    entered = request.session.pop(ENTERED, {})
    with workspace_scope(entered.get("workspace", 0)), audit.by_support(request.user):
        if not SupportGrant.objects.filter(id=entered.get("grant")).exists():
            return None
        audit.record(request.user, "support went out", request.user.email)
    return entered["workspace"]


def membership_by_grant(request: HttpRequest, slug: str) -> Membership | None:
    """What an operator who came in may do in the workspace with this slug; None once the grant is over. It is never saved."""
    entered = request.session.get(ENTERED)
    if not request.user.is_staff or entered is None:
        return None
    found = _grant(slug, None)
    if found is None or found.id != entered["grant"]:
        return None
    request.support = found
    with workspace_scope(found.workspace_id):
        workspace = Workspace.objects.get(id=found.workspace_id)
    return Membership(workspace=workspace, user=request.user, role=found.role)


def record_write(request: HttpRequest, status: int) -> None:
    """Whatever an operator sends is in the customer's trail, in words of its own or not."""
    if request.method not in SAFE:
        audit.record(request.user, "support sent a form", request.path, method=request.method, status=status)


def _grant(slug: str, workspace_id: int | None) -> SupportGrant | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id, id FROM support_grant(%s, %s)", [slug, workspace_id])
        found = cursor.fetchone()
    if found is None:
        return None
    with workspace_scope(found[0]):
        return SupportGrant.objects.select_related("granted_by").get(id=found[1])
