"""Quotas: how much of each kind a workspace may use, what is used, and the sentence when no more fits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from math import ceil

from django.apps import apps
from django.conf import settings

from apps.workspaces import audit
from apps.workspaces.models import QuotaOverride, User, Workspace
from apps.workspaces.quota_kinds.base import Quota, in_bytes
from apps.workspaces.scope import workspace_scope
from apps.workspaces.standing import forget, standing
from einstein.ml.discovery import modules_in
from einstein.postgres import moment
from einstein.web.problems import TooMuch

MOST = 2**63 - 1


class QuotaReached(TooMuch):
    """No more of this kind fits; the message is a sentence for the user."""

    default_code = "quota_reached"

    def __init__(self, quota: Quota, used: int, limit: int, more: int) -> None:
        wait = ceil((standing().end - moment.now()).total_seconds()) if quota.monthly else None
        super().__init__(_sentence(quota, used, limit, more), wait)
        self.kind = quota.kind


class NotAQuota(Exception):
    """Why a limit cannot be set so, as a sentence."""


@dataclass(frozen=True)
class Figure:
    """How much of one quota is used."""

    quota: Quota
    used: int
    limit: int

    @property
    def share(self) -> float:
        """Of the limit, 0 to 1 and beyond; a limit of nothing is full with anything."""
        return self.used / self.limit if self.limit else float(self.used > 0)

    @property
    def percent(self) -> int:
        return int(100 * self.share)

    @property
    def sentence(self) -> str:
        a_month = " this month" if self.quota.monthly else ""
        used = in_bytes(self.used) if self.quota.words is in_bytes else f"{self.used:,}"
        return f"{used} of {self.quota.words(self.limit)} used{a_month}"


@lru_cache
def registry() -> dict[str, Quota]:
    """Every quota by kind, in the order of the page; each room's own folder `quota_kinds` holds its kinds."""
    names = [f"{room.name}.quota_kinds" for room in apps.get_app_configs() if room.name.startswith("apps.")]
    packages = [import_module(name) for name in names if find_spec(name)]
    found = [module.QUOTA for package in packages for module in modules_in(package.__name__, package.__path__)]
    return {quota.kind: quota for quota in sorted(found, key=lambda quota: quota.order)}


def default_of(kind: str) -> int:
    return settings.QUOTAS.get(kind, registry()[kind].default)


def limit_of(kind: str) -> int:
    """Of the workspace in scope, as it stood at most some seconds ago."""
    return standing().limits.get(kind, default_of(kind))


def figures() -> list[Figure]:
    """Every quota of the workspace in scope, counted now."""
    return [Figure(quota, quota.used(), limit_of(kind)) for kind, quota in registry().items()]


def require(kind: str, more: int = 1) -> None:
    """Raise `QuotaReached` unless so many more fit. A monthly quota takes what begins before it is full."""
    quota, limit = registry()[kind], limit_of(kind)
    used = quota.used()
    if used + (1 if quota.monthly else more) > limit:
        raise QuotaReached(quota, used, limit, more)


def set_quota(workspace_id: int, kind: str, value: int | None, by: User | None) -> None:
    """Give a workspace a limit of its own, or with None the installation's again. Raises `NotAQuota`."""
    if kind not in registry():
        raise NotAQuota(f"There is no quota {kind}. Take one of: {', '.join(registry())}.")
    if value is not None and not 0 <= value <= MOST:
        raise NotAQuota("A limit is a whole number from 0 on.")
    with workspace_scope(workspace_id):
        if not Workspace.objects.filter(id=workspace_id).exists():
            raise NotAQuota(f"There is no workspace {workspace_id}.")
        before = QuotaOverride.objects.filter(kind=kind).values_list("value", flat=True).first()
        if value is None:
            QuotaOverride.objects.filter(kind=kind).delete()
        else:
            QuotaOverride.objects.update_or_create(
                kind=kind, defaults={"value": value, "set_by": by, "set_at": moment.now()}
            )
        audit.record(by, "quota changed", registry()[kind].title, kind=kind, before=before, after=value)
    forget(workspace_id)


def operator_words() -> str:
    return f"your operator ({settings.OPERATOR_CONTACT})" if settings.OPERATOR_CONTACT else "your operator"


def _sentence(quota: Quota, used: int, limit: int, more: int) -> str:
    a_month = " a month" if quota.monthly else ""
    added = f", and this would add {quota.words(more)}" if more > 1 else ""
    anew = f" It begins anew on {standing().end.astimezone(standing().zone):%-d %B}." if quota.monthly else ""
    return (
        f"This workspace may {quota.may} {quota.words(limit)}{a_month}: {quota.words(used)} {'is' if used == 1 else 'are'} used{added}. "
        f"{quota.advice}, or ask {operator_words()} for more.{anew}"
    )
