"""Messages to the outside. A message is written in the transaction of its cause and sent afterwards, with retries."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.workspaces.tenancy import TenantModel

MESSAGE_STATES = ["pending", "sent", "dead"]


class MessageBase(models.Model):
    """An e-mail on its way."""

    to = models.EmailField()
    subject = models.CharField(max_length=250)
    text = models.TextField()
    html = models.TextField(blank=True)
    message_id = models.CharField(max_length=120)
    state = models.CharField(max_length=8, default="pending")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Message(TenantModel, MessageBase):
    """An e-mail about a workspace's business. `dedupe_key` makes writing it twice harmless."""

    dedupe_key = models.CharField(max_length=120)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["workspace", "dedupe_key"], name="one_message_per_dedupe_key")]
        indexes = [models.Index(fields=["due_at"], condition=Q(state="pending"), name="messages_due")]


class AccountMessage(MessageBase):
    """An e-mail about an account (confirm, reset): it belongs to a person, not to a workspace."""

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(state="pending"), name="account_messages_due")]


class KeptMail(models.Model):
    """Mail kept for the operator while no SMTP server is set and the server listens on loopback only."""

    to = models.EmailField()
    subject = models.CharField(max_length=250)
    text = models.TextField()
    html = models.TextField(blank=True)
    kept_at = models.DateTimeField(auto_now_add=True)
