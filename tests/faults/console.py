"""What an operator reads and does at /console/, through the product's own pages."""

from __future__ import annotations

import html
import re

from tests.faults.installation import Installation

ASK = """
from django.conf import settings
from django.test import Client
from apps.workspaces.models import User
settings.ALLOWED_HOSTS.append("testserver")
operator, _ = User.objects.get_or_create(email="operator@einstein.example", defaults={{"is_staff": True, "name": "Operator"}})
client = Client()
client.force_login(operator)
answer = client.{method}("{path}")
assert answer.status_code in (200, 302), answer.status_code
print(answer.content.decode())
"""


def read(installation: Installation, path: str = "/console/failures/") -> str:
    """A page's words."""
    page = installation.run(ASK.format(method="get", path=path))
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def retry(installation: Installation, workspace: int, run: int) -> None:
    installation.run(ASK.format(method="post", path=f"/console/workspaces/{workspace}/runs/{run}/retry/"))


def unsaid(installation: Installation, run: int, workspace: int, cause: str) -> list[str]:
    """What the console does not say of a failing Run: its number, its workspace, its cause and what to do next."""
    from apps.console.causes import CAUSES

    [known] = [one for one in CAUSES if one.key == cause]
    words = read(installation)
    return [part for part in (f"Run {run} ", f"Workspace {workspace} ", known.title, known.action) if part not in words]
