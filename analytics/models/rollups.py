"""What the figures are read from: one row a ticket, what happened to it, and both counted (ADR 0024).

Nothing here is truth: all of it can be made again from tickets, their history, clocks, decisions and corrections.
0 stands for no department, group, agent, category or priority, so that it can be part of a key.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ChangedTicket(models.Model):
    """A ticket whose figures must be looked at again. Written by triggers in the transaction of the change."""

    ticket_id = models.BigIntegerField()
    noted_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"Change {self.pk} of ticket {self.ticket_id}"


class TicketFact(models.Model):
    """What a ticket presently adds to the figures. Times are seconds."""

    ticket_id = models.BigIntegerField(primary_key=True)
    department_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    agent_id = models.BigIntegerField()
    category_id = models.BigIntegerField()
    priority = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=11)
    customer_tier = models.CharField(max_length=8)
    live = models.BooleanField(help_text="It has not ended")
    #: In millionths: whole numbers can be added and subtracted for ever.
    confidence = models.IntegerField(null=True)
    triaged_at = models.DateTimeField(null=True)
    first_response_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    triage_seconds = models.FloatField(null=True)
    response_seconds = models.FloatField(null=True)
    response_business_seconds = models.FloatField(null=True)
    resolution_seconds = models.FloatField(null=True)
    resolution_business_seconds = models.FloatField(null=True)

    class Meta:
        # Readers: the percentiles of a period, and counts of a group's agent.
        indexes = [
            models.Index(fields=["triaged_at"], name="analytics_fact_triaged"),
            models.Index(fields=["first_response_at"], name="analytics_fact_answered"),
            models.Index(fields=["resolved_at"], name="analytics_fact_resolved"),
            models.Index(
                fields=["agent_id"], name="analytics_fact_agent", condition=Q(agent_id__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"Facts of ticket {self.ticket_id}"


class FlowKind(models.IntegerChoices):
    """What can happen to a ticket that is counted at its moment."""

    CREATED = 0
    RESOLVED = 1
    CANCELLED = 2
    REOPENED = 3
    MET_FIRST_RESPONSE = 10
    MET_NEXT_UPDATE = 11
    MET_RESOLUTION = 12
    BREACHED_FIRST_RESPONSE = 20
    BREACHED_NEXT_UPDATE = 21
    BREACHED_RESOLUTION = 22
    AGREED = 30
    CORRECTED = 31


class TicketFlow(models.Model):
    """One thing that happened to a ticket, with where the ticket belongs now."""

    pk = models.CompositePrimaryKey("ticket_id", "kind", "source_id")
    ticket_id = models.BigIntegerField()
    kind = models.PositiveSmallIntegerField(choices=FlowKind)
    #: Of the event, clock or correction that tells it; 0: the ticket itself does.
    source_id = models.BigIntegerField()
    at = models.DateTimeField()
    department_id = models.BigIntegerField()
    group_id = models.BigIntegerField()
    agent_id = models.BigIntegerField()
    priority = models.PositiveSmallIntegerField()
    #: Created: it is resolved now. Resolved: it was reopened afterwards.
    flag = models.BooleanField()
    #: Created: the confidence of its triage, in millionths.
    confidence = models.IntegerField(null=True)

    class Meta:
        # Reader: what happened in the hours that a period begins and ends in.
        indexes = [models.Index(fields=["at"], name="analytics_flow_at")]

    def __str__(self) -> str:
        return f"{FlowKind(self.kind).label} of ticket {self.ticket_id} at {self.at}"


class Grain(models.IntegerChoices):
    """What `key` of a FlowCount says."""

    DEPARTMENT = 0, "nothing: a department's count"
    GROUP = 1
    PRIORITY = 2
    AGENT = 3


class FlowCount(models.Model):
    """How many things happened in an hour or a day of UTC."""

    pk = models.CompositePrimaryKey(
        "grain", "key", "minutes", "bucket", "department_id", "group_id"
    )
    grain = models.PositiveSmallIntegerField(choices=Grain)
    key = models.BigIntegerField()
    minutes = models.PositiveSmallIntegerField(help_text="60 or 1440")
    bucket = models.DateTimeField(help_text="Its begin")
    department_id = models.BigIntegerField()
    group_id = models.BigIntegerField(help_text="Of an agent's count; else 0")
    created = models.IntegerField()
    created_resolved = models.IntegerField()
    confident = models.IntegerField(help_text="Created ones that have a confidence")
    confidence = models.BigIntegerField(help_text="Their sum, in millionths")
    resolved = models.IntegerField()
    resolved_reopened = models.IntegerField()
    cancelled = models.IntegerField()
    reopened = models.IntegerField()
    met_first_response = models.IntegerField()
    met_next_update = models.IntegerField()
    met_resolution = models.IntegerField()
    breached_first_response = models.IntegerField()
    breached_next_update = models.IntegerField()
    breached_resolution = models.IntegerField()
    agreed = models.IntegerField()
    corrected = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.grain}:{self.key} of department {self.department_id} at {self.bucket}"


class CountScope(models.IntegerChoices):
    """Whose tickets a TicketCount counts."""

    DEPARTMENT = 0
    GROUP = 1
    AGENT = 2


class Dimension(models.IntegerChoices):
    """What a TicketCount counts them by."""

    STATUS = 0
    PRIORITY = 1
    CATEGORY = 2
    GROUP = 3
    TIER = 4
    AGENT = 5


class TicketCount(models.Model):
    """How many tickets there are now, by one property, of a department or one of its groups or agents."""

    pk = models.CompositePrimaryKey(
        "scope", "scope_id", "department_id", "dimension", "key", "live"
    )
    scope = models.PositiveSmallIntegerField(choices=CountScope)
    scope_id = models.BigIntegerField()
    department_id = models.BigIntegerField()
    dimension = models.PositiveSmallIntegerField(choices=Dimension)
    key = models.CharField(max_length=20)
    live = models.BooleanField()
    tickets = models.IntegerField()
    confident = models.IntegerField(help_text="Those that have a confidence")
    confidence = models.BigIntegerField(help_text="Their sum, in millionths")

    def __str__(self) -> str:
        return f"{self.scope}:{self.scope_id} {self.dimension}={self.key}: {self.tickets}"


class RollupState(models.Model):
    """How far the figures are. One row, whose lock the one worker holds that brings them up to date."""

    as_of = models.DateTimeField(
        null=True, help_text="All that was committed before is counted; none: never counted yet"
    )
    refreshed_at = models.DateTimeField(null=True, help_text="When a worker last looked")
    tickets = models.PositiveIntegerField(default=0, help_text="Looked at then")
    milliseconds = models.FloatField(default=0, help_text="What that took")

    class Meta:
        verbose_name = "state of the figures"
        verbose_name_plural = "state of the figures"

    def __str__(self) -> str:
        return f"Figures as of {self.as_of:%Y-%m-%d %H:%M:%S}" if self.as_of else "Figures"
