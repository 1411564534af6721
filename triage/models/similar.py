"""What the search for similar tickets reads."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from tickets.models import Ticket


class TicketTerms(models.Model):
    """What a ticket of the last 90 days speaks of, as numbers (`triage.likeness`), and which one it may repeat."""

    ticket = models.OneToOneField(  # not checked by the database: ADR 0016
        Ticket, models.CASCADE, primary_key=True, related_name="terms", db_constraint=False
    )
    opened_at = models.DateTimeField()
    #: The heaviest features: what finds the ticket.
    terms = ArrayField(models.IntegerField())
    #: All features kept, with their weights: what it is compared by.
    entries = models.BinaryField()
    stale = models.BooleanField(default=False, help_text="The ticket's words changed since.")
    probable = models.ForeignKey(
        Ticket,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="The ticket that this one probably repeats.",
    )
    likeness = models.FloatField(null=True, help_text="How alike they are, 0 to 1.")

    class Meta:
        indexes = [
            # Written at once and not gathered (`fastupdate`): every search would read what waits.
            GinIndex(fields=["terms"], name="triage_ticketterms_search", fastupdate=False),
            models.Index(fields=["opened_at"], name="triage_ticketterms_age"),
            models.Index(
                fields=["ticket"], name="triage_ticketterms_stale", condition=Q(stale=True)
            ),
            models.Index(
                fields=["probable"],
                name="triage_ticketterms_probable",
                condition=Q(probable__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Terms of ticket {self.ticket_id}"


class TermStatistics(models.Model):
    """How common each feature is, counted from a sample, and how far the index has come. One row."""

    documents = models.PositiveIntegerField(default=0, help_text="Texts that were counted")
    #: A 16-bit number for each feature, deflated.
    counts = models.BinaryField(default=b"")
    typical_length = models.FloatField(default=1.0)
    counted_at = models.DateTimeField(null=True)
    counted_rows = models.PositiveIntegerField(default=0, help_text="Tickets in the index then")
    rows = models.PositiveIntegerField(default=0, help_text="Tickets in the index now, about")
    #: Tickets up to this id are in the index, and up to that one were compared with it.
    indexed_to = models.BigIntegerField(default=0)
    compared_to = models.BigIntegerField(default=0)
    #: The newest ticket when somebody last looked: a little later, nothing below it is still being written.
    seen_to = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(name="triage_termstatistics_one", condition=Q(pk=1))]

    def __str__(self) -> str:
        return f"Counted from {self.documents} tickets"


class DuplicatePolicy(models.Model):
    """From which likeness on a ticket counts as a duplicate. One row, for the admin."""

    _share = (MinValueValidator(0.3), MaxValueValidator(1.0))
    suggest_from = models.FloatField(
        default=0.6,
        validators=_share,
        help_text="A ticket at least this like an open one is shown as its probable duplicate. 0.3 to 1.",
    )
    merge_from = models.FloatField(
        null=True,
        blank=True,
        validators=_share,
        help_text="At least this like: merged without asking. Empty: never. docs/similar.md tells how often"
        " that is right.",
    )

    class Meta:
        verbose_name = "duplicates"
        verbose_name_plural = "duplicates"
        constraints = [
            models.CheckConstraint(name="triage_duplicatepolicy_one", condition=Q(pk=1)),
            models.CheckConstraint(
                name="triage_duplicatepolicy_shares",
                condition=Q(suggest_from__range=(0.3, 1))
                & (
                    Q(merge_from=None)
                    | Q(merge_from__range=(0.3, 1), merge_from__gte=models.F("suggest_from"))
                ),
                violation_error_message="Merging needs at least the likeness that a suggestion needs.",
            ),
        ]

    def __str__(self) -> str:
        return "When tickets count as duplicates"
