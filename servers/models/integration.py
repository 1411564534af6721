"""Where alerts come from, and each body that came."""

from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tickets.models import Department, SupportGroup
from workers.leases import LeasedWork
from workers.names import TaskName


class Source(models.TextChoices):
    ALERTMANAGER = "alertmanager", "Alertmanager"
    GRAFANA = "grafana", "Grafana"
    EVENTS = "events", "PagerDuty Events v2"
    HEALTHCHECKS = "healthchecks", "healthchecks"
    SENTRY = "sentry", "Sentry"
    GENERIC = "generic", "Generic JSON"
    EMAIL = "email", "Email"


class Integration(models.Model):
    """One sender of alerts. A template left empty is the default of its source."""

    name = models.CharField(max_length=80, unique=True)
    source = models.CharField(max_length=12, choices=Source)
    enabled = models.BooleanField(default=True)
    #: SHA-256 of the key that the sender puts into the address; people see its first letters only.
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    key_hint = models.CharField(max_length=12, editable=False)
    previous_key_hash = models.CharField(max_length=64, blank=True, db_index=True, editable=False)
    previous_key_until = models.DateTimeField(null=True, editable=False)
    encrypted_secret = models.TextField(blank=True, editable=False)

    group_key = models.TextField(blank=True, help_text="One problem, one key (Jinja)")
    title = models.TextField(blank=True, help_text="Jinja")
    body = models.TextField(blank=True, help_text="Jinja")
    severity = models.TextField(
        blank=True,
        help_text="critical, error, warning or info, which give impact and urgency (Jinja)",
    )
    resolve_condition = models.TextField(
        blank=True, help_text="True when the problem is over (Jinja)"
    )
    department = models.ForeignKey(
        Department, models.PROTECT, null=True, blank=True, help_text="Empty: triage decides."
    )
    group = models.ForeignKey(SupportGroup, models.PROTECT, null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Gets a ticket when it sends too much.",
    )
    rate_per_minute = models.PositiveIntegerField(
        default=6000,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="Requests, however many alerts are in each.",
    )
    recovery_grace = models.DurationField(
        default=timedelta(0),
        help_text="So long a recovery must last before the ticket is resolved.",
    )
    reopen_window = models.DurationField(
        default=timedelta(hours=4),
        help_text="So long after that the same problem reopens the ticket.",
    )
    limited_at = models.DateTimeField(null=True, editable=False)
    last_alert_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name


class Delivery(LeasedWork):
    """One body as it came. Kept until a worker made alerts of it, and for some days after, to look at."""

    TASK_NAME = TaskName.SERVERS_TAKE_DELIVERIES

    integration = models.ForeignKey(
        Integration, models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False
    )
    received_at = models.DateTimeField()
    body = models.BinaryField()
    content_type = models.CharField(max_length=100, blank=True)
    #: One entry for each alert in it: {"result", "key", "ticket", "detail"}.
    results = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [LeasedWork.lease_constraint("servers_delivery_lease")]
        indexes = [
            LeasedWork.sweep_index("servers_delivery_sweep"),
            models.Index(fields=["integration", "-id"], name="servers_delivery_latest"),
            models.Index(
                fields=["received_at"],
                name="servers_delivery_age",
                condition=Q(finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.pk} of {self.integration_id}"
