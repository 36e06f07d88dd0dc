"""Messages to the outside. A message is written in the transaction of its cause and sent afterwards, with retries."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from apps.workspaces.tenancy import TenantModel
from einstein.postgres import moment

MESSAGE_STATES = ["pending", "sent", "dead"]
# held: waits for a person; dropped: superseded by a newer one, or a person said so.
SENDING_STATES = ["waiting", "held", "arrived", "dead", "dropped"]


class Sending(TenantModel):
    """One thing on its way to one destination. Written in the transaction of its cause; a worker tries until it arrives.

    Sendings of one destination leave in the order of their ids. `event_id` stays the same through all attempts: a receiver that has
    seen it may ignore it. `expected` and `acknowledged` are counts of records: the proof of arrival.
    """

    destination_id = models.BigIntegerField()
    subject_id = models.BigIntegerField()  # the prediction it is about
    event = models.CharField(max_length=30)
    event_id = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=120)
    facts = models.JSONField(default=dict)
    state = models.CharField(max_length=10, default="waiting")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = moment.MomentField(default=moment.now)
    expected = models.BigIntegerField(null=True)
    acknowledged = models.BigIntegerField(default=0)
    last_error = models.TextField(blank=True)
    outcome = models.JSONField(default=dict)
    created_at = moment.MomentField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SENDING_STATES), name="sending_state_is_known"),
            models.UniqueConstraint(fields=["workspace", "dedupe_key"], name="one_sending_per_dedupe_key"),
        ]
        indexes = [
            models.Index(fields=["destination_id", "id"], condition=Q(state="waiting"), name="sendings_waiting"),
            models.Index(fields=["destination_id", "-id"], name="sendings_of_destination"),
        ]


class Payload(TenantModel):
    """One part of a sending as it leaves, kept so that every attempt sends the same; acknowledged parts are not sent again."""

    sending = models.ForeignKey(Sending, on_delete=models.CASCADE, related_name="payloads")
    number = models.PositiveIntegerField()
    body = models.JSONField()
    records = models.PositiveIntegerField(default=0)
    acknowledged_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["sending", "number"], name="one_payload_per_number")]


class Attempt(TenantModel):
    """One try to deliver a sending. Without `ended_at` it broke off with its worker."""

    sending = models.ForeignKey(Sending, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    arrived = models.BooleanField(default=False)
    words = models.TextField(blank=True)
    began_at = moment.MomentField(default=moment.now)
    ended_at = models.DateTimeField(null=True)


class MessageBase(models.Model):
    """An e-mail on its way."""

    to = models.EmailField()
    subject = models.CharField(max_length=250)
    text = models.TextField()
    html = models.TextField(blank=True)
    message_id = models.CharField(max_length=120)
    state = models.CharField(max_length=8, default="pending")
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = moment.MomentField(default=moment.now)
    last_error = models.TextField(blank=True)
    created_at = moment.MomentField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Message(TenantModel, MessageBase):
    """An e-mail about a workspace's business. `dedupe_key` makes writing it twice harmless."""

    dedupe_key = models.CharField(max_length=120)
    sending = models.ForeignKey(Sending, null=True, on_delete=models.SET_NULL, related_name="messages")
    unsubscribe_url = models.CharField(max_length=1000, blank=True)
    picture = models.BinaryField(null=True)  # a PNG that the HTML shows as cid:picture
    thread = models.CharField(max_length=120, blank=True)  # the Message-ID of the e-mail this one follows

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["workspace", "dedupe_key"], name="one_message_per_dedupe_key")]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="messages_due"),
            models.Index(fields=["message_id"], name="messages_by_message_id"),
            models.Index(fields=["created_at"], condition=Q(state="dead"), name="messages_given_up"),
        ]


class RefusedAddress(TenantModel):
    """An address, in small letters, that refuses mail for good, in its server's `words`. Nothing about alerts is sent there until somebody asks for it."""

    email = models.EmailField()
    words = models.CharField(max_length=300, blank=True)
    since = moment.MomentField(default=moment.now)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["workspace", "email"], name="one_refusal_per_address")]


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
    kept_at = moment.MomentField(auto_now_add=True)
