"""Files of tickets. They live in the database, so that all machines have them and one backup holds everything."""

from collections.abc import Iterator
from typing import Final

from django.db import models
from django.db.models.functions import Now, Substr

from tickets.models.history import Comment
from tickets.models.ticket import Ticket

CHUNK_BYTES: Final = 256 * 1024


class Content(models.Model):
    """Bytes, kept once however often they come, and apart, so that no list ever reads them (ADR 0022)."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    data = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.sha256


def read_content(sha256: str) -> Iterator[bytes]:
    """The bytes, a piece at a time, so that a download costs the memory of one piece."""
    start = 1
    while True:
        piece = Substr("data", start, CHUNK_BYTES, output_field=models.BinaryField())
        found = Content.objects.filter(pk=sha256).values_list(piece, flat=True).first()
        if not found:
            return
        yield bytes(found)
        start += CHUNK_BYTES


class Attachment(models.Model):
    ticket = models.ForeignKey(Ticket, models.CASCADE, related_name="attachments", db_index=False)
    comment = models.ForeignKey(
        Comment,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="attachments",
        db_index=False,
        help_text="What it came with; null: with the ticket",
    )
    content = models.ForeignKey(Content, models.PROTECT, related_name="attachments")
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100, help_text="As its sender says")
    size = models.PositiveIntegerField(help_text="Bytes")
    uploaded_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["ticket", "id"], name="tickets_attachment_ticket"),
            models.Index(
                fields=["comment"],
                name="tickets_attachment_comment",
                condition=models.Q(comment__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of ticket {self.ticket_id}"
