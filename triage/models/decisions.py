"""What triage decided, and what people made of it."""

from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now

from tickets.models import Ticket
from triage.models.jobs import TriageJob
from triage.querysets import CorrectionQuerySet, DecisionQuerySet

#: What a decision is about, in the order in which people read it.
DECIDED: Final = ("category", "impact", "urgency", "priority", "department", "group")
BANDS = [(band, band) for band in ("auto", "suggest", "review")]


class TriageDecision(models.Model):
    """What triage decided about a ticket, and why. Immutable: the database refuses updates."""

    # Keys that the database does not check: ADR 0016.
    job = models.ForeignKey(
        TriageJob,
        models.CASCADE,
        related_name="decisions",
        db_index=False,
        db_constraint=False,
    )
    ticket = models.ForeignKey(
        Ticket, models.CASCADE, related_name="decisions", db_index=False, db_constraint=False
    )
    category = models.CharField(max_length=50)
    impact = models.PositiveSmallIntegerField()
    urgency = models.PositiveSmallIntegerField()
    priority = models.PositiveSmallIntegerField()
    department = models.CharField(max_length=80)
    group = models.CharField(max_length=80, blank=True)
    confidence = models.FloatField()
    band = models.CharField(max_length=7, choices=BANDS)
    refined = models.BooleanField(
        default=False, db_default=False, help_text="The LLM's, after the first one of the same job"
    )
    #: {field: {"by": "person", "rule", "model", "llm", "keywords", "matrix", "routing" or "default", "why": text,
    #: and where a model spoke "confidence", "threshold", "band", "alternatives", …}}
    fields = models.JSONField()
    #: [[category, probability], …], best first, at most three.
    alternatives = models.JSONField(default=list)
    #: [[word, weight], …], strongest first, at most five.
    words = models.JSONField(default=list)
    rules = ArrayField(models.BigIntegerField(), default=list)
    model = models.CharField(
        max_length=80, blank=True, help_text="Name and version of the classifier"
    )
    engines = ArrayField(
        models.CharField(max_length=10),
        default=list,
        db_default=[],
        help_text="Who was asked, in order",
    )
    prompt = models.CharField(
        max_length=80, blank=True, db_default="", help_text="Name and version of the prompt"
    )
    fallback = models.TextField(
        blank=True, db_default="", help_text="Why an engine that should have decided did not"
    )
    tokens_in = models.PositiveIntegerField(default=0, db_default=0)
    tokens_out = models.PositiveIntegerField(default=0, db_default=0)
    cost = models.DecimalField(
        max_digits=12, decimal_places=6, default=0, db_default=0, help_text="US dollars"
    )
    input_hash = models.CharField(max_length=64)
    #: This ticket's share of what the engines took for its chunk.
    milliseconds = models.FloatField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["ticket", "-id"], name="triage_decision_history"),
            # Rows stand in the order of their times, so a few pages say where a day begins and ends.
            BrinIndex(fields=["created_at"], name="triage_decision_day", autosummarize=True),
        ]
        constraints = [
            models.UniqueConstraint(fields=["job", "refined"], name="triage_decision_once")
        ]

    def __str__(self) -> str:
        return f"Decision {self.pk} on ticket {self.ticket_id}: {self.category}, P{self.priority}"


def differences(before: Any, now: Any) -> dict[str, list[Any]]:
    """What two decisions decide differently: field -> [before, now]. No group is an empty text."""
    values = {name: [getattr(before, name) or "", getattr(now, name) or ""] for name in DECIDED}
    return {name: pair for name, pair in values.items() if pair[0] != pair[1]}


class Correction(models.Model):
    """A person's word on one field of one ticket: a label. It may agree with the machine."""

    ticket = models.ForeignKey(
        Ticket, models.CASCADE, related_name="corrections", db_constraint=False
    )
    #: The newest decision when the person spoke; none, if triage had not decided yet.
    decision = models.ForeignKey(
        TriageDecision,
        models.DO_NOTHING,  # it goes with its ticket, and so does this
        null=True,
        related_name="corrections",
        db_index=False,
        db_constraint=False,
    )
    field = models.CharField(max_length=10)
    before = models.CharField(max_length=80, blank=True)
    value = models.CharField(max_length=80)
    agreed = models.BooleanField(help_text="The machine had said the same")
    band = models.CharField(max_length=7, blank=True, choices=BANDS)
    confidence = models.FloatField(null=True)
    via = models.CharField(max_length=10, choices=[(via, via) for via in ("review", "ticket")])
    by = models.CharField(max_length=150)
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["field", "at"], name="triage_correction_labels")]

    def __str__(self) -> str:
        return f"{self.field} of ticket {self.ticket_id}: {self.value}"
