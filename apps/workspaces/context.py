"""What the frame of every page shows: the workspace, the person's other workspaces, the open alerts."""

from django.http import HttpRequest

from apps.workspaces.people import workspaces_of


def navigation(request: HttpRequest) -> dict:
    membership = getattr(request, "membership", None)
    if membership is None:
        return {"may_build": False, "may_admin": False}
    return {
        "workspace": request.workspace,
        "support": request.support,
        "membership": membership,
        "may_build": membership.may("builder"),
        "may_admin": membership.may("admin"),
        "my_workspaces": workspaces_of(request.user),
    }
