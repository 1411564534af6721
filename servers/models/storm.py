"""Many incidents with one cause, behind one ticket."""

from typing import Any, Self

from django.db import models
from django.db.models import Q

from servers.storms.detecting import Pattern
from tickets.models import Ticket
from tickets.querysets import hidden_department_ids


class StormState(models.TextChoices):
    #: New incidents that match join.
    ACTIVE = "active"
    #: Nothing came for a while: nothing joins any more, and its tickets are still worked on.
    CALM = "calm"
    ENDED = "ended"
    #: A person said that it was none.
    DISSOLVED = "dissolved"


class StormQuerySet(models.QuerySet["Storm"]):
    def visible_to(self, user: Any) -> Self:
        """Storms whose ticket `user` may see."""
        hidden = hidden_department_ids(user)
        return self.exclude(ticket__department__in=hidden) if hidden else self


class Storm(models.Model):
    """active ─► calm ─► ended        active ─► ended        active, calm ─► dissolved

    Its incidents point to it, also those whose tickets were detached since.
    """

    ticket = models.ForeignKey(
        Ticket,
        models.CASCADE,
        related_name="storms",
        db_constraint=False,
        help_text="The parent, to which the tickets of its incidents are attached",
    )
    state = models.CharField(max_length=9, choices=StormState, default=StormState.ACTIVE)
    #: What its incidents share: labels, or a kind of title.
    labels = models.JSONField(default=dict)
    title = models.TextField(blank=True, help_text="Shared, * for what differs")
    why = models.CharField(max_length=500, help_text="Why this is a storm, in words")
    expected = models.FloatField(help_text="Incidents that are usual in the time looked at")
    observed = models.PositiveIntegerField(help_text="Incidents that came instead")
    incidents_count = models.PositiveIntegerField(
        "incidents", help_text="Incidents that joined so far"
    )
    started_at = models.DateTimeField()
    last_at = models.DateTimeField(help_text="When the last incident joined")
    ended_at = models.DateTimeField(null=True)

    objects = StormQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["labels", "title"],
                name="servers_storm_one_active",
                condition=Q(state=StormState.ACTIVE),
            ),
            models.CheckConstraint(
                name="servers_storm_ended_has_a_time",
                condition=Q(state__in=[StormState.ACTIVE, StormState.CALM], ended_at=None)
                | Q(state__in=[StormState.ENDED, StormState.DISSOLVED], ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="servers_storm_shares_something",
                condition=~Q(labels={}) | ~Q(title=""),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="servers_storm_live", condition=Q(ended_at=None)),
            models.Index(fields=["-started_at", "-id"], name="servers_storm_newest"),
        ]

    def __str__(self) -> str:
        return str(self.pattern)

    @property
    def pattern(self) -> Pattern:
        return Pattern(tuple(sorted(self.labels.items())), self.title)
