"""Tables of the task machinery itself."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class DeadLetter(models.Model):
    """Work that failed for good, kept until a person retries or dismisses it."""

    kind = models.CharField(max_length=100, help_text="Model of the row, such as triage.triagejob")
    object_id = models.BigIntegerField()
    subject = models.CharField(max_length=300, help_text="What it was about, for people")
    reason = models.TextField()
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    settled_at = models.DateTimeField(null=True, blank=True, editable=False)
    settled_by = models.CharField(max_length=150, blank=True, editable=False)
    outcome = models.CharField(
        max_length=9,
        blank=True,
        choices=[("retried", "retried"), ("dismissed", "dismissed")],
        editable=False,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "object_id"],
                condition=Q(settled_at__isnull=True),
                name="workers_deadletter_one_open_per_row",
            ),
            models.CheckConstraint(
                name="workers_deadletter_settled_is_whole",
                condition=Q(settled_at__isnull=True, settled_by="", outcome="")
                | (Q(settled_at__isnull=False) & ~Q(settled_by="") & ~Q(outcome="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}: {self.subject}"


class Heartbeat(models.Model):
    """The last sign of life of a part of the system, written by the part itself."""

    name = models.CharField(max_length=100, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%Y-%m-%d %H:%M:%S}"


class Tally(models.Model):
    """A number that only grows: a counter of `/metrics`, or one bucket of a histogram (`workers.tallies`)."""

    name = models.CharField(max_length=100)
    labels = ArrayField(models.CharField(max_length=200), default=list)
    value = models.FloatField(default=0.0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.UniqueConstraint(fields=["name", "labels"], name="workers_tally_once"),
            models.CheckConstraint(
                condition=Q(value__gte=0), name="workers_tally_value_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.labels}: {self.value:g}"


class TallyPlace(models.Model):
    """Up to which id a table's rows are counted, and up to which next, once older transactions have ended."""

    name = models.CharField(max_length=100, primary_key=True)
    done = models.BigIntegerField()
    next = models.BigIntegerField()
    next_xid = models.BigIntegerField()
    folded_at = models.DateTimeField(
        db_default=Now(), help_text="When all that was to be counted was counted"
    )

    def __str__(self) -> str:
        return f"{self.name} up to {self.done}"
