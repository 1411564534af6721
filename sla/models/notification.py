"""Who is told: channels, the routes to them, and each message with every attempt to deliver it."""

from datetime import timedelta
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from sla.models.clock import Escalation
from sla.retrying import GIVE_UP_HOURS
from tickets.models import Department, Priority, SupportGroup, Ticket


class ChannelKind(models.TextChoices):
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Webhook"
    EMAIL = "email", "Email"


class MessageKind(models.TextChoices):
    TICKET_CREATED = "ticket.created", "Ticket created"
    TICKET_TRIAGED = "ticket.triaged", "Ticket triaged"
    TICKET_UPDATED = "ticket.updated", "Ticket updated"
    TICKET_RESOLVED = "ticket.resolved", "Ticket resolved"
    BATCH_FINISHED = "batch.finished", "Triage batch finished"
    DRIFT_FOUND = "drift.found", "Drift found"
    STORM_STARTED = "storm.started", "Storm started"
    SLA_WARNING = "sla.warning", "SLA warning"
    SLA_BREACHED = "sla.breached", "SLA breached"
    TEST = "test", "Test"


#: They leave alone: a digest is of alerts.
LONERS: Final = (MessageKind.TEST, MessageKind.DRIFT_FOUND, MessageKind.STORM_STARTED)
#: What an owner's callback can ask for.
EVENTS: Final = tuple(kind for kind in MessageKind if kind is not MessageKind.TEST)


class Channel(models.Model):
    """A way out: a Slack webhook, a web address of another system, or mail.

    Alerts come to it by routes and by the levels that name it. One with `events` is a callback: it also hears of
    tickets, those of its owner or all.
    """

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=7, choices=ChannelKind)
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=500, blank=True, editable=False)
    #: Encrypted. The address of a Slack webhook is a secret itself: people see `host` only.
    encrypted_address = models.TextField(blank=True, editable=False)
    encrypted_secret = models.TextField(blank=True, editable=False)
    encrypted_previous_secret = models.TextField(blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    host = models.CharField(max_length=255, blank=True, editable=False)
    recipients = ArrayField(
        models.EmailField(),
        default=list,
        blank=True,
        help_text="Mail addresses that get the alerts of this channel.",
    )
    for_people = models.BooleanField(
        "for people",
        default=False,
        help_text="Mail to assignees, groups and leads goes through this channel. Only one can do it.",
    )
    rate_per_minute = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(60_000)],
        help_text="So many messages a minute at most. Slack takes about 60.",
    )
    digest_above = models.PositiveSmallIntegerField(
        default=10,
        validators=[MinValueValidator(1)],
        help_text="When more alerts than this wait, they become one message. Webhooks get each.",
    )
    owner_id = models.UUIDField(
        null=True, blank=True, help_text="A callback hears of this owner's tickets; empty: of all."
    )
    events = ArrayField(
        models.CharField(max_length=15, choices=[(kind.value, kind.label) for kind in EVENTS]),
        default=list,
        blank=True,
        help_text="What a callback wants to hear of. Empty: alerts only, by routes.",
    )
    #: Attempts in a row that the receiver failed.
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    next_attempt_at = models.DateTimeField(null=True, editable=False)
    #: The bucket of the rate limit: messages that may leave at once, as of `allowance_at`.
    allowance = models.FloatField(default=1.0, editable=False)
    allowance_at = models.DateTimeField(db_default=Now(), editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["for_people"],
                condition=Q(for_people=True),
                name="sla_channel_one_for_people",
            ),
            models.CheckConstraint(
                name="sla_channel_only_mail_is_for_people",
                condition=Q(for_people=False) | Q(kind=ChannelKind.EMAIL),
            ),
            models.CheckConstraint(
                name="sla_channel_only_webhooks_are_callbacks",
                condition=Q(events=[], owner_id__isnull=True) | Q(kind=ChannelKind.WEBHOOK),
            ),
            models.CheckConstraint(
                name="sla_channel_has_a_rate",
                condition=Q(rate_per_minute__gte=1, digest_above__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChannelRoute(models.Model):
    """Which alerts a channel gets. All conditions of a route must hold; all routes that match tell their channels.

    Tickets of a restricted department are named by their title only where a route names that department.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="routes")
    department = models.ForeignKey(
        Department, on_delete=models.CASCADE, null=True, blank=True, help_text="Empty: any."
    )
    group = models.ForeignKey(
        SupportGroup, on_delete=models.CASCADE, null=True, blank=True, help_text="Empty: any."
    )
    max_priority = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        choices=Priority,
        help_text="Only tickets of this priority or a more urgent one.",
    )
    min_level = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1)],
        help_text="From this level of escalation on; 1 is the first of the policy.",
    )

    def __str__(self) -> str:
        where = self.group or self.department or "any department"
        return f"{where}, level {self.min_level} and above → {self.channel}"


class NotificationState(models.TextChoices):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    RETRYING = "retrying"
    DEAD = "dead"


class Outcome(models.TextChoices):
    """Why a dead message is dead."""

    GAVE_UP = "gave_up", "Given up"
    REJECTED = "rejected", "Rejected"
    OBSOLETE = "obsolete", "No longer true"


WAITING: Final = Q(state__in=[NotificationState.QUEUED, NotificationState.RETRYING])


class Notification(models.Model):
    """One message to one channel, and for mail to people to one person. Its id stays the same over all attempts.

    queued ─► sending ─► sent            sending ─► retrying ─► sending …            sending ─► dead
    Columns have defaults in the database: `sla.services.outbox` writes rows by SQL.
    """

    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="notifications", db_index=False
    )
    kind = models.CharField(max_length=15, choices=MessageKind)
    escalation = models.ForeignKey(
        Escalation, on_delete=models.CASCADE, null=True, related_name="notifications"
    )
    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, null=True, related_name="notifications", db_index=False
    )
    recipient = models.EmailField(blank=True, db_default="", help_text="The person's address")
    #: The whole message as data. What is sent is made of nothing else, so every attempt says the same.
    payload = models.JSONField()
    #: Whatever happens twice is told once.
    key = models.CharField(max_length=400, unique=True)
    state = models.CharField(
        max_length=8, choices=NotificationState, db_default=NotificationState.QUEUED
    )
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True, db_default="")
    attempts = models.PositiveSmallIntegerField(db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    give_up_at = models.DateTimeField(db_default=Now() + timedelta(hours=GIVE_UP_HOURS))
    #: A person asked for it: it is sent even when it is no longer true.
    forced = models.BooleanField(db_default=False)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    error = models.CharField(max_length=1000, blank=True, db_default="")
    #: From which request it follows: deliveries are in its trace.
    request_id = models.CharField(max_length=64, blank=True, db_default="", editable=False)
    #: Those that left together in one message share it.
    digest = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, help_text="When it was sent or given up")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sla_notification_lease_while_sending",
                condition=Q(
                    state=NotificationState.SENDING,
                    lease_token__isnull=False,
                    lease_until__isnull=False,
                )
                | (
                    ~Q(state=NotificationState.SENDING)
                    & Q(lease_token__isnull=True, lease_until__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="sla_notification_ended_is_whole",
                condition=Q(state=NotificationState.SENT, ended_at__isnull=False, outcome="")
                | (Q(state=NotificationState.DEAD, ended_at__isnull=False) & ~Q(outcome=""))
                | (
                    ~Q(state__in=[NotificationState.SENT, NotificationState.DEAD])
                    & Q(ended_at__isnull=True, outcome="")
                ),
            ),
        ]
        indexes = [
            # Delivery takes from it; what was sent has left it.
            models.Index(
                fields=["channel", "next_attempt_at", "id"],
                name="sla_notification_due",
                condition=WAITING,
            ),
            # Keeps one ticket's callbacks in order.
            models.Index(
                fields=["ticket", "channel"], name="sla_notification_order", condition=WAITING
            ),
            models.Index(fields=["give_up_at"], name="sla_notification_give_up", condition=WAITING),
            models.Index(
                fields=["lease_until"],
                name="sla_notification_lease",
                condition=Q(state=NotificationState.SENDING),
            ),
            models.Index(
                fields=["state", "-id"],
                name="sla_notification_unsent",
                condition=~Q(state=NotificationState.SENT),
            ),
            models.Index(fields=["channel", "-id"], name="sla_notification_channel"),
            models.Index(fields=["ticket", "-id"], name="sla_notification_ticket"),
            models.Index(
                fields=["ended_at"],
                name="sla_notification_ended",
                condition=Q(ended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.message_id}: {self.state}"

    @property
    def message_id(self) -> str:
        """What receivers know it by."""
        return f"msg_{self.pk}"


class DeliveryAttempt(models.Model):
    """One try to send a message. Append-only: the database refuses updates."""

    notification = models.ForeignKey(
        Notification, on_delete=models.CASCADE, related_name="deliveries"
    )
    at = models.DateTimeField(db_default=Now())
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP or SMTP status")
    error = models.CharField(max_length=500, blank=True)
    milliseconds = models.FloatField()

    def __str__(self) -> str:
        return f"Attempt {self.pk} of notification {self.notification_id}: {self.error or 'sent'}"
