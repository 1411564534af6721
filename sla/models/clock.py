"""What runs: a ticket's clocks, what happened to them, and what was escalated."""

from django.db import models
from django.db.models import Q

from sla.document import Metric
from sla.models.policy import SlaPolicyVersion
from tickets.models import Department, Ticket
from workers.sql import LightlyRead


class ClockState(models.TextChoices):
    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached", "breached"
    CANCELLED = "cancelled"


class SlaClock(LightlyRead):
    """One promise to one ticket: the `cycle`-th time that its `metric` is measured.

    A clock that is overdue still runs, with `breached_at` set; `breached` is how it ends. `due_at` is there
    while it runs and after it ended; a paused clock has none. What was counted before `running_since` is in
    `counted`.
    """

    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="clocks", db_index=False)
    metric = models.CharField(
        max_length=14, choices=[(m.value, m.value.replace("_", " ").capitalize()) for m in Metric]
    )
    cycle = models.PositiveSmallIntegerField(default=1)
    # Versions are never deleted: not checked by the database (ADR 0016).
    version = models.ForeignKey(
        SlaPolicyVersion, models.PROTECT, db_index=False, db_constraint=False
    )
    state = models.CharField(max_length=9, choices=ClockState, default=ClockState.RUNNING)
    target = models.DurationField(help_text="Of business time")
    started_at = models.DateTimeField()
    running_since = models.DateTimeField(null=True)
    counted = models.DurationField()
    due_at = models.DateTimeField(null=True)
    breached_at = models.DateTimeField(null=True, help_text="The deadline that was missed")
    stopped_at = models.DateTimeField(null=True)
    #: The highest level of escalation that was reached; 0: none.
    level = models.PositiveSmallIntegerField(default=0)
    acknowledged_until = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True, db_default="", default="")
    next_check_at = models.DateTimeField(null=True, help_text="When something falls due")
    #: Why its last check failed; it is tried again later and later.
    error = models.TextField(blank=True, db_default="", default="")
    failures = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = "SLA clock"
        constraints = [
            models.UniqueConstraint(
                fields=["ticket", "metric", "cycle"], name="sla_clock_once_per_cycle"
            ),
            models.CheckConstraint(
                name="sla_clock_state_fits_its_times",
                condition=Q(
                    state=ClockState.RUNNING,
                    running_since__isnull=False,
                    due_at__isnull=False,
                    stopped_at__isnull=True,
                )
                | Q(
                    state=ClockState.PAUSED,
                    running_since__isnull=True,
                    next_check_at__isnull=True,
                    stopped_at__isnull=True,
                )
                | Q(
                    state__in=[ClockState.MET, ClockState.BREACHED, ClockState.CANCELLED],
                    running_since__isnull=True,
                    next_check_at__isnull=True,
                    stopped_at__isnull=False,
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                name="sla_clock_next_check",
                condition=Q(next_check_at__isnull=False),
            ),
            models.Index(
                fields=["id"],
                name="sla_clock_broken",
                condition=Q(failures__gt=0, next_check_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.metric} of ticket {self.ticket_id}, cycle {self.cycle}: {self.state}"


class ClockKind(models.TextChoices):
    """What can happen to a clock after its start, which its own row tells."""

    PAUSE = "pause"
    RESUME = "resume"
    RETARGET = "retarget"
    STOP = "stop"
    BREACH = "breach"
    ACKNOWLEDGE = "acknowledge"


class ClockEvent(models.Model):
    """One line of a clock's ledger. Append-only: the database refuses updates."""

    clock = models.ForeignKey(
        SlaClock, models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=11, choices=ClockKind)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    #: retarget: {"from", "to", "why", "version"}; stop: {"why"}; acknowledge: {"until"}.
    details = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["clock", "id"], name="sla_clockevent_ledger")]

    def __str__(self) -> str:
        return f"{self.kind} of clock {self.clock_id} at {self.at:%Y-%m-%d %H:%M:%S}"


class Escalation(models.Model):
    """A level that a clock reached: once per clock and level, whatever crashes.

    Their ids rise in the order of their commits, so that a reader who remembers the last id misses none.
    """

    clock = models.ForeignKey(
        SlaClock, on_delete=models.CASCADE, related_name="escalations", db_index=False
    )
    ticket = models.ForeignKey(
        Ticket, on_delete=models.CASCADE, related_name="escalations", db_index=False
    )
    #: Of the ticket at that moment; who may not see it does not hear of it.
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    level = models.PositiveSmallIntegerField()
    threshold = models.CharField(max_length=40, help_text="85 %, breach, breach + 30m")
    breach = models.BooleanField(help_text="At or after the deadline; else a warning")
    #: Found late together with a higher level, which alone was acted on.
    skipped = models.BooleanField(default=False)
    due_at = models.DateTimeField()
    detected_at = models.DateTimeField()
    lateness = models.DurationField(help_text="For how long it stood due and was not found")
    elapsed_minutes = models.FloatField()
    target_minutes = models.FloatField()
    percent_used = models.FloatField()
    priority = models.PositiveSmallIntegerField(null=True)
    customer_tier = models.CharField(max_length=8)
    actions = models.JSONField(default=list, help_text="What was done, in sentences")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=150, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clock", "level"], name="sla_escalation_once_per_level")
        ]
        indexes = [models.Index(fields=["ticket", "id"], name="sla_escalation_ticket")]

    def __str__(self) -> str:
        return f"Level {self.level} ({self.threshold}) of clock {self.clock_id}"
