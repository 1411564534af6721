"""A ticket: what was asked, how grave it is, and who works on it."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tickets.lifecycle import LIVE, Status
from tickets.models.directory import Category, Department, SupportGroup
from tickets.querysets import TicketQuerySet
from workers.sql import LightlyRead


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


class SlaState(models.TextChoices):
    """How a ticket stands towards its deadlines. A pause hides no breach."""

    OK = "ok"
    WARNING = "warning"
    BREACHED = "breached"
    PAUSED = "paused"
    NONE = "none", "none: nothing is promised or due any more"


class Level(models.IntegerChoices):
    """Impact and urgency."""

    HIGH = 1, "1 high"
    MEDIUM = 2, "2 medium"
    LOW = 3, "3 low"


class Ticket(LightlyRead):
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

    merged_into = models.ForeignKey(  # not checked by the database: ADR 0016
        "self",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        db_index=False,
        db_constraint=False,
        related_name="merged",
        help_text="The ticket that goes on in its place. Never one that is merged itself.",
    )

    parent = models.ForeignKey(  # not checked by the database: ADR 0016
        "self",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        db_index=False,
        db_constraint=False,
        related_name="children",
        help_text="The ticket that is worked on for this one, too. Never one that has a parent itself.",
    )

    opened_at = models.DateTimeField()
    first_response_at = models.DateTimeField(null=True, blank=True)
    #: What the list needs of its SLA clocks, kept by `sla`: the earliest deadline of those that run; the earliest
    #: warning, or that deadline when nothing warns before; whether one was missed since the ticket (re)opened; the
    #: highest level of escalation.
    due_at = models.DateTimeField(null=True, editable=False)
    warn_at = models.DateTimeField(null=True, editable=False)
    sla_breached = models.BooleanField(default=False, db_default=False, editable=False)
    escalation_level = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
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
                name="tickets_ticket_merged_into_another",
                condition=Q(merged_into=None) | ~Q(merged_into=models.F("id")),
            ),
            models.CheckConstraint(
                name="tickets_ticket_attached_to_another",
                condition=Q(parent=None) | ~Q(parent=models.F("id")),
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
                fields=["owner_id", "-opened_at", "-id"],
                name="tickets_ticket_owner",
                condition=Q(owner_id__isnull=False),
            ),
            models.Index(
                fields=["triage_status", "-opened_at", "-id"],
                name="tickets_ticket_triage_status",
                condition=~Q(triage_status=TriageStatus.COMPLETED),
            ),
            models.Index(
                fields=["id"],
                include=[
                    *("confidence", "priority", "due_at", "warn_at", "sla_breached"),
                    "department",
                ],
                name="tickets_ticket_review",
                condition=Q(triage_status=TriageStatus.NEEDS_REVIEW)
                & Q(status__in=[Status.OPEN, Status.IN_PROGRESS, Status.ON_HOLD]),
            ),
            models.Index(  # all that the dashboard counts of them, so that it reads no ticket
                fields=["department", "priority"],
                include=[
                    *("status", "triage_status", "assignee", "opened_at"),
                    *("due_at", "warn_at", "sla_breached"),
                ],
                name="tickets_ticket_live",
                condition=Q(status__in=LIVE),
            ),
            models.Index(
                fields=["due_at", "id", "warn_at"],
                name="tickets_ticket_due",
                condition=Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["-opened_at", "-id"],
                name="tickets_ticket_breached",
                condition=Q(sla_breached=True),
            ),
            GinIndex(fields=["tags"], name="tickets_ticket_tags", condition=~Q(tags=[])),
            models.Index(
                fields=["merged_into"],
                name="tickets_ticket_merged",
                condition=Q(merged_into__isnull=False),
            ),
            models.Index(
                fields=["parent", "status", "priority"],
                name="tickets_ticket_parent",
                condition=Q(parent__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.title}"

    def sla_state(self, now: datetime) -> SlaState:
        if self.sla_breached or (self.due_at is not None and self.due_at <= now):
            return SlaState.BREACHED
        if self.due_at is None:
            return SlaState.PAUSED if self.status == Status.ON_HOLD else SlaState.NONE
        return SlaState.OK if self.warn_at is None or self.warn_at > now else SlaState.WARNING

    @property
    def has_ended(self) -> bool:
        return self.status not in LIVE

    @property
    def priority_locked(self) -> bool:
        return "priority" in self.locked_fields
