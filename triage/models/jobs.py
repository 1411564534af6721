"""Work of triage: jobs, the batches that ask for many, the attempts that failed."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tickets.models import Ticket
from workers.leases import LeasedWork, State
from workers.names import TaskName


class TriageBatch(models.Model):
    """Jobs that were asked for together."""

    requested_by = models.CharField(max_length=150)
    total_items = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "triage batches"

    def __str__(self) -> str:
        return f"Batch {self.pk} of {self.total_items}"


class TriageJob(LeasedWork):
    """One triage of one ticket."""

    TASK_NAME = TaskName.TRIAGE_RUN_JOBS

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="triage_jobs")
    batch = models.ForeignKey(
        TriageBatch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="jobs",
        db_index=False,
    )

    class Meta:
        constraints = [LeasedWork.lease_constraint("triage_job_lease_while_running")]
        indexes = [
            LeasedWork.sweep_index("triage_job_sweep"),
            # Without the done jobs, which are nearly all: a job that ends leaves these, and enters none.
            models.Index(
                fields=["state", "-id"],
                name="triage_job_unfinished",
                condition=~Q(state=State.DONE),
            ),
            models.Index(
                fields=["batch"], name="triage_job_batch", condition=Q(batch__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"Triage {self.pk} of ticket {self.ticket_id}"


class TriageAttempt(models.Model):
    """An attempt that did not work, and why."""

    job = models.ForeignKey(TriageJob, on_delete=models.CASCADE, related_name="failed_attempts")
    attempt = models.PositiveSmallIntegerField()
    error = models.TextField()
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Attempt {self.attempt} of job {self.job_id}"
