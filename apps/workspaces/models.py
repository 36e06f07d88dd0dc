"""People, workspaces, and who may do what in them."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment

ROLES = ["viewer", "builder", "admin"]


class UserManager(BaseUserManager):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, email: str) -> User:
        return self.get(email__iexact=email)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by her e-mail address. Operators are staff of the installation, not of a workspace."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    theme = models.CharField(max_length=6, default="system")
    is_staff = models.BooleanField("operator", default=False)
    is_active = models.BooleanField(default=True)
    date_joined = moment.MomentField(default=moment.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def first_name(self) -> str:
        return self.name.split()[0] if self.name.split() else ""


class Workspace(models.Model):
    """One customer company. Every row of business data belongs to exactly one."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    timezone = models.CharField(max_length=64, default="UTC")
    created_at = moment.MomentField(auto_now_add=True)
    erase_at = models.DateTimeField(null=True)  # asked for by an admin
    paused_at = models.DateTimeField(null=True)  # by an operator: no Run of it is handed out, nothing is planned
    pause_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    measured_at = models.DateTimeField(null=True, db_index=True)  # how much it uses, by the clock
    needs_two_steps = models.BooleanField(default=False, db_default=False)  # nobody enters without two-step log-in

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=models.Q(paused_at__isnull=False), name="workspaces_paused"),
            models.Index(fields=["erase_at"], condition=models.Q(erase_at__isnull=False), name="workspaces_to_erase"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.timezone)


class Erasure(models.Model):
    """The proof that a workspace was erased: its number, which is never given again, when, and how many rows went. No name, no person."""

    workspace_number = models.BigIntegerField(unique=True)
    asked_for = models.DateTimeField()
    rows = models.BigIntegerField()
    erased_at = models.DateTimeField(db_index=True)


class Membership(TenantModel):
    """A person's place in a workspace: viewers look, builders build, admins also manage people and keys."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10)
    created_at = moment.MomentField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="one_membership_per_person"),
            models.CheckConstraint(condition=models.Q(role__in=ROLES), name="membership_role_is_known"),
        ]

    def may(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


class Invitation(TenantModel):
    """An open door for one e-mail address; the token is mailed, only its hash is kept."""

    email = models.EmailField()
    role = models.CharField(max_length=10)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)


class ApiKey(TenantModel):
    """A machine's key to one workspace: shown once, stored hashed."""

    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    key_hash = models.CharField(max_length=64, unique=True)
    scope = models.CharField(
        max_length=10, default="score"
    )  # "read" reads stored scores; "score" also scores and mints tokens; "send" reads and sends records; "all"
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = moment.MomentField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class SupportGrant(TenantModel):
    """An admin lets operators look into the workspace until a time; she may take it back at once."""

    role = models.CharField(max_length=10)
    granted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=["viewer", "builder"]), name="support_role_is_known"),
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(revoked_at=None), name="one_support_grant_at_a_time"
            ),
        ]


class AuditEntry(TenantModel):
    """Who did what. The application may add rows, never change or remove them."""

    append_only = True

    actor = models.ForeignKey(User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)
    at = moment.MomentField(auto_now_add=True, db_index=True)


class QuotaOverride(TenantModel):
    """A limit that an operator set for this workspace (apps/workspaces/quotas.py); without one the installation's counts."""

    kind = models.CharField(max_length=40)
    value = models.BigIntegerField()
    set_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        db_table = "workspaces_quota"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind"], name="one_quota_per_kind"),
            models.CheckConstraint(condition=models.Q(value__gte=0), name="quota_is_not_negative"),
        ]


class Usage(TenantModel):
    """How much of a quota was used when it was measured last."""

    kind = models.CharField(max_length=40)
    used = models.BigIntegerField()
    measured_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["workspace", "kind"], name="one_usage_per_kind")]


class CallCount(TenantModel):
    """Calls of one caller ("key:7", "widget:3") in one month of the workspace's time zone."""

    caller = models.CharField(max_length=40)
    month = models.DateField()
    calls = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "month", "caller"], name="one_call_count_per_month")
        ]


class CallRate(TenantModel):
    """Calls of one caller in an hour (its number since 1970) and in the one `before`."""

    caller = models.CharField(max_length=40)
    hour = models.BigIntegerField()
    calls = models.BigIntegerField()
    before = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["workspace", "caller"], name="one_call_rate_per_caller")]
