"""Tables of the task machinery itself."""

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
