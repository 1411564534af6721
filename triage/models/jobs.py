"""Work of triage: jobs, the batches that ask for many, the attempts that failed."""

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tickets.models import Ticket
from triage.progress import Progress
from triage.querysets import JobQuerySet
from workers.leases import LeasedWork, State
from workers.names import TaskName


class TriageBatch(LeasedWork):
    """Jobs that were asked for together.

    Its own work: to write the jobs of the tickets that `filters` choose, in bounded steps in the order of their
    ids, and to notice when the last job has ended. It is pending between two looks.
    """

    TASK_NAME = TaskName.TRIAGE_RUN_BATCHES
    WAS_PUT_BACK = "filled OR cursor > 0"

    requested_by = models.CharField(max_length=150)
    owner_id = models.UUIDField(
        null=True, blank=True, help_text="Only tickets of this owner of the client system"
    )
    filters = models.JSONField(
        null=True, blank=True, help_text="Those of the ticket list; empty: the tickets were named."
    )
    #: Restricted departments that the one who asked may not see.
    hidden_departments = ArrayField(models.BigIntegerField(), default=list, editable=False)
    #: The newest ticket when it was asked for: later ones do not join.
    last_ticket = models.BigIntegerField(null=True, editable=False)
    #: The tickets up to this one have their jobs.
    cursor = models.BigIntegerField(default=0, db_default=0, editable=False)
    filled = models.BooleanField(default=False, db_default=False, editable=False)
    #: As counted when it was asked for, until every job is written.
    total_items = models.PositiveIntegerField()
    #: When what runs now was asked for: for a batch that was retried, then.
    started_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "triage batches"
        constraints = [LeasedWork.lease_constraint("triage_batch_lease_while_running")]
        indexes = [LeasedWork.sweep_index("triage_batch_sweep")]

    def __str__(self) -> str:
        return f"Batch {self.pk} of {self.total_items}"

    def status(self, progress: Progress) -> str:
        """QUEUED while its jobs are being written, RUNNING until the last one has ended; or it FAILED itself."""
        if self.state == State.FAILED:
            return "FAILED"
        if not self.filled:
            return "QUEUED"
        return "RUNNING" if progress.pending or progress.running else "DONE"

    def total(self, progress: Progress) -> int:
        """Some of its tickets may have been deleted since."""
        return progress.written if self.filled else self.total_items

    def forecast(self, progress: Progress, now: datetime) -> dict[str, float | int | None]:
        total = self.total(progress)
        return {
            "percent": progress.percent(total),
            "seconds_left": progress.seconds_left(total, started_at=self.started_at, now=now),
        }

    def ended_at(self, progress: Progress) -> datetime | None:
        """When its last job ended, which the row itself notes a little later."""
        return progress.ended_at if self.status(progress) == "DONE" else None


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

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            LeasedWork.lease_constraint("triage_job_lease_while_running"),
            # Progress is counted in this index alone. An update writes every index of the row anyway.
            models.UniqueConstraint(
                fields=["batch", "ticket"],
                include=["state", "finished_at"],
                condition=Q(batch__isnull=False),
                name="triage_job_once_in_batch",
            ),
        ]
        indexes = [
            LeasedWork.sweep_index("triage_job_sweep"),
            # Without the done jobs, which are nearly all: a job that ends leaves these, and enters none.
            models.Index(
                fields=["state", "-id"],
                name="triage_job_unfinished",
                condition=~Q(state=State.DONE),
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
