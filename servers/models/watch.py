"""How monitored servers are watched: heartbeats that they send, checks that workers make."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from servers.models.server import STATES, Server

DAY = 86_400


def seconds(
    least: int, most: int, default: int, help_text: str = ""
) -> "models.PositiveIntegerField[int, int]":
    bounds = [MinValueValidator(least), MaxValueValidator(most)]
    return models.PositiveIntegerField(default=default, validators=bounds, help_text=help_text)


class Said(models.TextChoices):
    """The last word of a heartbeat, or about it."""

    NEW = "new"  # nothing was heard yet
    START = "start"
    OK = "ok"
    FAIL = "fail"
    MISSING = "missing"


class Heartbeat(models.Model):
    """What a server sends us to say that it lives. Overdue, it is missing, and so is the server."""

    server = models.OneToOneField(Server, models.CASCADE, related_name="heartbeat")
    enabled = models.BooleanField(default=True)
    period_seconds = seconds(10, 30 * DAY, 60, "Every so many seconds one comes,")
    grace_seconds = seconds(5, DAY, 60, "and may be late by so many.")
    #: SHA-256 of the key; people see its first letters only.
    key_hash = models.CharField(max_length=64, editable=False)
    key_hint = models.CharField(max_length=12, editable=False)
    previous_key_hash = models.CharField(max_length=64, blank=True, editable=False)
    previous_key_until = models.DateTimeField(null=True, editable=False)
    status = models.CharField(max_length=7, choices=Said, default=Said.NEW, editable=False)
    message = models.CharField(max_length=300, blank=True, editable=False)
    #: When `status` was said, or found.
    said_at = models.DateTimeField(editable=False)
    last_at = models.DateTimeField(null=True, editable=False)
    #: When it is missing. None: there is nothing to wait for.
    due_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        indexes = [
            # Read by the watch: what is overdue, and what waits for nothing but should.
            models.Index(fields=["due_at"], name="servers_heartbeat_due", condition=Q(enabled=True))
        ]

    def __str__(self) -> str:
        return f"Heartbeat of {self.server}"


class CheckKind(models.TextChoices):
    TCP = "tcp", "TCP connection"
    HTTP = "http", "HTTP answer"
    TLS = "tls", "TLS certificate"


class Outcome(models.TextChoices):
    """What a look showed, as the state that it speaks for."""

    RUNNING = "running", "well"
    DEGRADED = "degraded"
    FAILED = "failed"


class Check(models.Model):
    """A look that workers take at a server, again and again."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=4, choices=CheckKind)
    target = models.CharField(
        max_length=500, help_text="https://shop.example/health, or for TCP and TLS host:port"
    )
    enabled = models.BooleanField(default=True)
    interval_seconds = seconds(10, DAY, 60)
    timeout_seconds = seconds(1, 30, 10)
    status_min = models.PositiveSmallIntegerField(
        default=200,
        validators=[MinValueValidator(100), MaxValueValidator(599)],
        help_text="Of HTTP: the lowest status that is well",
    )
    status_max = models.PositiveSmallIntegerField(
        default=299,
        validators=[MinValueValidator(100), MaxValueValidator(599)],
        help_text="and the highest",
    )
    max_milliseconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(30_000)],
        help_text="Slower answers make the server degraded. Empty: any will do.",
    )
    min_tls_days = models.PositiveSmallIntegerField(
        "min TLS days",
        default=14,
        validators=[MaxValueValidator(365)],
        help_text="A certificate that ends sooner makes the server degraded.",
    )
    bad_in_a_row = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="So many bad results in a row count.",
    )
    good_in_a_row = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="So many good results in a row end it.",
    )
    #: What counts after that; empty before anything does.
    verdict = models.CharField(max_length=8, choices=STATES, blank=True, editable=False)
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True, editable=False)
    streak = models.PositiveIntegerField(default=0, editable=False)
    checked_at = models.DateTimeField(null=True, editable=False)
    #: {"milliseconds", "status", "tls_days"}
    last_result = models.JSONField(default=dict, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    next_at = models.DateTimeField(editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="servers_check_status_range", condition=Q(status_min__lte=F("status_max"))
            ),
            models.CheckConstraint(
                name="servers_check_lease_is_whole",
                condition=Q(lease_token=None, lease_until=None)
                | Q(lease_token__isnull=False, lease_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], name="servers_check_due", condition=Q(enabled=True))
        ]

    def __str__(self) -> str:
        return f"{self.kind.upper()} {self.shown_target}"

    @property
    def shown_target(self) -> str:
        """The target as history and tickets name it: what follows a question mark may be secret."""
        return self.target.partition("?")[0]


class CheckResult(models.Model):
    """One look. The last hundred of each check are kept."""

    check_of = models.ForeignKey(
        Check, models.CASCADE, related_name="results", db_index=False, db_constraint=False
    )
    at = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=Outcome)
    milliseconds = models.PositiveIntegerField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    tls_days = models.IntegerField("TLS days", null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["check_of", "-id"], name="servers_checkresult_latest")]

    def __str__(self) -> str:
        return f"{self.outcome} at {self.at:%Y-%m-%d %H:%M:%S}"
