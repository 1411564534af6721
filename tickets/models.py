"""The record of a ticket: what was asked, who works on it, and everything that ever happened to it."""

from collections.abc import Collection
from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.base import ModelState
from django.db.models.functions import Now

from tickets.lifecycle import Status
from tickets.querysets import DepartmentQuerySet, TicketQuerySet

SEARCH_CONFIG = "english"


class Department(models.Model):
    """Who answers for a ticket. A restricted one is seen by its members only."""

    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=300, blank=True)
    restricted = models.BooleanField(default=False, help_text="Only members see its tickets.")
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="departments",
        help_text="Needed when restricted.",
    )

    objects = DepartmentQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class SupportGroup(models.Model):
    """The people of a department who do one kind of work."""

    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=300, blank=True)
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="groups")

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    """What a ticket is about. The slug is what the API speaks and what models are trained on."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
    aliases = ArrayField(
        models.CharField(max_length=50),
        default=list,
        blank=True,
        help_text="Other words for it, as clients send them.",
    )

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Tier(models.TextChoices):
    GOLD = "gold"
    SILVER = "silver"
    BRONZE = "bronze"
    STANDARD = "standard"


class TriageStatus(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"


class Priority(models.IntegerChoices):
    P1 = 1, "P1 critical"
    P2 = 2, "P2 high"
    P3 = 3, "P3 medium"
    P4 = 4, "P4 low"


class Level(models.IntegerChoices):
    """Impact and urgency."""

    HIGH = 1, "1 high"
    MEDIUM = 2, "2 medium"
    LOW = 3, "3 low"


class Ticket(models.Model):
    source = models.CharField(max_length=40, default="api", help_text="The system that sent it")
    external_id = models.CharField(
        max_length=255, null=True, blank=True, help_text="Its id over there"
    )
    owner_id = models.UUIDField(null=True, blank=True, help_text="The client system's owner of it")
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    requester_name = models.CharField(max_length=150, blank=True)
    requester_email = models.CharField(max_length=254, blank=True)
    customer_tier = models.CharField(max_length=8, choices=Tier, default=Tier.STANDARD)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    server = models.CharField(
        max_length=120, blank=True, help_text="Name of the server it is about"
    )

    status = models.CharField(max_length=11, choices=Status, default=Status.OPEN)
    impact = models.PositiveSmallIntegerField(null=True, blank=True, choices=Level)
    urgency = models.PositiveSmallIntegerField(null=True, blank=True, choices=Level)
    priority = models.PositiveSmallIntegerField(null=True, blank=True, choices=Priority)
    category = models.ForeignKey(
        Category,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="tickets",
    )
    department = models.ForeignKey(
        Department,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="tickets",
    )
    group = models.ForeignKey(
        SupportGroup,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="tickets",
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_index=False,
        related_name="+",
    )
    #: Names of the fields above that a person or the sending system decided: triage leaves them alone.
    locked_fields = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    triage_status = models.CharField(
        max_length=12, choices=TriageStatus, default=TriageStatus.PENDING
    )
    confidence = models.FloatField(
        null=True, blank=True, help_text="Of the triage decision, 0 to 1"
    )

    opened_at = models.DateTimeField()
    first_response_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    source_updated_at = models.DateTimeField(
        null=True, blank=True, help_text="`updated_at` of the sender"
    )
    version = models.PositiveIntegerField(
        default=1, editable=False, help_text="Grows with every change"
    )

    objects = TicketQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"],
                name="tickets_ticket_one_per_external_id",
                condition=Q(external_id__isnull=False),
            ),
            models.CheckConstraint(
                name="tickets_ticket_status_is_known", condition=Q(status__in=Status.values)
            ),
            models.CheckConstraint(
                name="tickets_ticket_priority_1_to_4",
                condition=Q(priority__range=(1, 4)) | Q(priority=None),
            ),
            models.CheckConstraint(
                name="tickets_ticket_impact_1_to_3",
                condition=Q(impact__range=(1, 3)) | Q(impact=None),
            ),
            models.CheckConstraint(
                name="tickets_ticket_urgency_1_to_3",
                condition=Q(urgency__range=(1, 3)) | Q(urgency=None),
            ),
            models.CheckConstraint(
                name="tickets_ticket_confidence_0_to_1",
                condition=Q(confidence__range=(0, 1)) | Q(confidence=None),
            ),
            models.CheckConstraint(
                name="tickets_ticket_external_id_not_blank", condition=~Q(external_id="")
            ),
            models.CheckConstraint(
                name="tickets_ticket_resolved_has_a_time",
                condition=~Q(status__in=[Status.RESOLVED, Status.CLOSED])
                | Q(resolved_at__isnull=False),
            ),
            models.CheckConstraint(
                name="tickets_ticket_closed_has_a_time",
                condition=~Q(status=Status.CLOSED) | Q(closed_at__isnull=False),
            ),
        ]
        # Each ends in id, so that a page can be continued by (value, id). Readers: the lists of API and admin.
        indexes = [
            models.Index(fields=["-opened_at", "-id"], name="tickets_ticket_opened"),
            models.Index(fields=["status", "-opened_at", "-id"], name="tickets_ticket_status"),
            models.Index(fields=["priority", "-opened_at", "-id"], name="tickets_ticket_priority"),
            models.Index(
                fields=["department", "-opened_at", "-id"], name="tickets_ticket_department"
            ),
            models.Index(fields=["group", "-opened_at", "-id"], name="tickets_ticket_group"),
            models.Index(fields=["category", "-opened_at", "-id"], name="tickets_ticket_category"),
            models.Index(
                fields=["assignee", "-opened_at", "-id"],
                name="tickets_ticket_assignee",
                condition=Q(assignee__isnull=False),
            ),
            models.Index(
                fields=["triage_status", "-opened_at", "-id"],
                name="tickets_ticket_triage_status",
                condition=~Q(triage_status=TriageStatus.COMPLETED),
            ),
            GinIndex(fields=["tags"], name="tickets_ticket_tags", condition=~Q(tags=[])),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    @classmethod
    def from_db(  # type: ignore[override]  # the stubs are of a later Django
        cls, db: str | None, field_names: Collection[str], values: Collection[Any]
    ) -> Self:
        """Set the columns that were read and nothing else: `Model.__init__` goes through all of them, twice."""
        ticket = cls.__new__(cls)
        ticket.__dict__.update(zip(field_names, values, strict=True))
        ticket._state = ModelState()
        ticket._state.adding, ticket._state.db = False, db
        return ticket

    @property
    def priority_locked(self) -> bool:
        return "priority" in self.locked_fields


class TicketSearch(models.Model):
    """What full-text search reads: title (weight A), description (B), comments (C).

    Apart from the ticket, so that a triage decision does not rewrite the costliest index (ADR 0007).
    """

    ticket = models.OneToOneField(
        Ticket, on_delete=models.CASCADE, primary_key=True, related_name="search"
    )
    vector = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["vector"], name="tickets_search_vector")]

    def __str__(self) -> str:
        return f"Search entry of ticket {self.ticket_id}"


class EventKind(models.TextChoices):
    OPENED = "opened"
    UPDATED = "updated"
    MOVED = "moved"
    COMMENTED = "commented"
    TRIAGED = "triaged"
    TRIAGE_FAILED = "triage_failed"
    ROUTED = "routed"


class TicketEvent(models.Model):
    """One thing that happened to a ticket. Append-only: the database refuses updates."""

    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, related_name="events", db_index=False
    )
    kind = models.CharField(max_length=13, choices=EventKind)
    #: {field: [old, new]}, values as people read them.
    changes = models.JSONField(default=dict)
    actor = models.CharField(
        max_length=150, help_text="Login name, or the part of the system that acted"
    )
    reason = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["ticket", "id"], name="tickets_event_history")]

    def __str__(self) -> str:
        return f"{self.ticket_id} {self.kind} by {self.actor} at {self.at:%Y-%m-%d %H:%M:%S}"


class Comment(models.Model):
    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, related_name="comments", db_index=False
    )
    body = models.TextField()
    public = models.BooleanField(default=True, help_text="The requester may read it.")
    author = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["ticket", "id"], name="tickets_comment_thread")]

    def __str__(self) -> str:
        return f"Comment {self.pk} on ticket {self.ticket_id}"


class IdempotencyKey(models.Model):
    """The answer to a request that a client marked as the same one, should it come again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    request_digest = models.BinaryField(max_length=32)
    status_code = models.PositiveSmallIntegerField()
    response = models.JSONField(encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], name="tickets_idempotencykey_once_per_user"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="tickets_idempotencykey_age")]

    def __str__(self) -> str:
        return f"{self.key} of user {self.user_id}"
