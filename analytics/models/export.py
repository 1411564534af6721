"""Exports that workers make, and their files in pieces."""

from typing import Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from workers.leases import LeasedWork, State
from workers.names import TaskName

#: Bytes of one piece: what a download holds in memory. All of a file but the last have as many.
PIECE_BYTES: Final = 1024 * 1024


class ExportFormat(models.TextChoices):
    CSV = "csv", "CSV"
    NDJSON = "ndjson", "JSON lines"
    XLSX = "xlsx", "Excel"
    PARQUET = "parquet", "Parquet"


class ExportStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired", "expired: the file was removed"


class Export(LeasedWork):
    """A file of tickets that somebody asked for, made by a worker of queue `reports`.

    It holds what its owner might see when it was made. A cancelled one is done: nothing is left to do.
    """

    TASK_NAME = TaskName.ANALYTICS_EXPORT

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="exports", db_index=False
    )
    format = models.CharField(max_length=7, choices=ExportFormat)
    #: Those of the ticket list.
    filters = models.JSONField(default=dict, blank=True)
    columns = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text="Empty: all"
    )
    bom = models.BooleanField(
        default=False, db_default=False, help_text="A byte order mark before a CSV"
    )
    rows = models.PositiveBigIntegerField(default=0, help_text="Tickets written so far")
    total = models.PositiveBigIntegerField(null=True, help_text="Tickets to write")
    size = models.PositiveBigIntegerField("bytes", default=0)
    #: Restricted departments that its owner could not see when it was made.
    hidden_departments = ArrayField(models.IntegerField(), default=list, editable=False)
    cancelled_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, help_text="When the file is removed")
    removed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            LeasedWork.lease_constraint("analytics_export_lease_while_running"),
            models.CheckConstraint(
                name="analytics_export_cancelled_is_done",
                condition=Q(cancelled_at=None) | Q(state=State.DONE),
            ),
        ]
        indexes = [
            LeasedWork.sweep_index("analytics_export_sweep"),
            models.Index(fields=["owner", "-id"], name="analytics_export_owner"),
            models.Index(fields=["finished_at"], name="analytics_export_ended"),
            models.Index(
                fields=["expires_at"],
                name="analytics_export_expiry",
                condition=Q(expires_at__isnull=False, removed_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"Export {self.pk} ({self.format})"

    @property
    def status(self) -> ExportStatus:
        if self.cancelled_at is not None:
            return ExportStatus.CANCELLED
        if self.removed_at is not None:
            return ExportStatus.EXPIRED
        if self.state == State.PENDING:
            return ExportStatus.QUEUED
        return ExportStatus(self.state)

    @property
    def has_file(self) -> bool:
        return self.status is ExportStatus.DONE


class ExportPiece(models.Model):
    """Up to PIECE_BYTES of an export's file, in the database as attachments are (ADR 0022)."""

    export = models.ForeignKey(
        Export, models.CASCADE, related_name="pieces", db_index=False, db_constraint=False
    )
    number = models.PositiveIntegerField(help_text="From 0")
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="analytics_exportpiece_once")
        ]

    def __str__(self) -> str:
        return f"Piece {self.number} of export {self.export_id}"
