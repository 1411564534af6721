"""What is kept beside a ticket: everything that happened to it, what was said, and what the search reads."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now

from tickets.models.ticket import Ticket
from tickets.querysets import TicketQuerySet

SEARCH_CONFIG = "english"


class EventKind(models.TextChoices):
    OPENED = "opened"
    UPDATED = "updated"
    MOVED = "moved"
    COMMENTED = "commented"
    TRIAGED = "triaged"
    TRIAGE_FAILED = "triage_failed"
    ROUTED = "routed"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    MERGED = "merged"
    ATTACHED = "attached"
    DETACHED = "detached"
    #: What was done about its parent was done about it.
    FOLLOWED = "followed"
    CONFIRMED = "confirmed"
    REVIEWED = "reviewed"
    REVIEW_UNDONE = "review_undone"
    FILE_ADDED = "file_added"
    FILE_REMOVED = "file_removed"


class TicketEventQuerySet(models.QuerySet["TicketEvent"]):
    def of(self, ticket: Ticket, visible: TicketQuerySet) -> Self:
        """What happened to `ticket`, and to those of `visible` that were merged into it."""
        merged = visible.filter(merged_into=ticket).values_list("pk", flat=True)
        return self.filter(ticket__in=[ticket.pk, *merged])


class TicketEvent(models.Model):
    """One thing that happened to a ticket. Append-only: the database refuses updates."""

    ticket = models.ForeignKey(  # not checked by the database: ADR 0016
        Ticket, models.CASCADE, related_name="events", db_index=False, db_constraint=False
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

    objects = TicketEventQuerySet.as_manager()

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
    from_requester = models.BooleanField(
        default=False, db_default=False, help_text="The requester said it, not an agent."
    )
    author = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["ticket", "id"], name="tickets_comment_thread")]

    def __str__(self) -> str:
        return f"Comment {self.pk} on ticket {self.ticket_id}"


class TicketSearch(models.Model):
    """What full-text search reads: title (weight A), description (B), comments (C).

    Apart from the ticket, so that a triage decision does not rewrite the costliest index (ADR 0007).
    """

    ticket = models.OneToOneField(
        Ticket, models.CASCADE, primary_key=True, related_name="search", db_constraint=False
    )
    vector = SearchVectorField()

    class Meta:
        indexes = [GinIndex(fields=["vector"], name="tickets_search_vector")]

    def __str__(self) -> str:
        return f"Search entry of ticket {self.ticket_id}"


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
