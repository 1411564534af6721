"""Mailboxes that are read, and each mail that came."""

from datetime import date
from typing import Any, Final, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from servers.models.integration import Integration
from tickets.models import Content, Ticket
from tickets.querysets import hidden_department_ids


class Security(models.TextChoices):
    """A mailbox is never read in plain text."""

    SSL = "ssl", "TLS from the start (993)"
    STARTTLS = "starttls", "STARTTLS (143)"


def today() -> date:
    return timezone.now().date()


class Mailbox(models.Model):
    """Where the mail of an email integration is read."""

    integration = models.OneToOneField(
        Integration,
        models.CASCADE,
        related_name="mailbox",
        limit_choices_to={"source": "email"},
        help_text="An integration whose source is email",
    )
    enabled = models.BooleanField(default=True)
    host = models.CharField(max_length=253, help_text="Such as imap.example.com")
    port = models.PositiveIntegerField(
        default=993, validators=[MinValueValidator(1), MaxValueValidator(65_535)]
    )
    security = models.CharField(max_length=8, choices=Security, default=Security.SSL)
    user = models.CharField(max_length=254)
    encrypted_password = models.TextField(editable=False)
    folder = models.CharField(max_length=200, default="INBOX")
    move_to = models.CharField(
        max_length=200,
        blank=True,
        help_text="Folder for mails that were read. Empty: they stay and are marked as seen.",
    )
    since = models.DateField(
        default=today, help_text="Mails that came before that day are left alone."
    )
    accept_generated = models.BooleanField(
        default=False,
        help_text="Mails that programs write of their own accord, such as alerts, open tickets, too. "
        "Automatic replies never do.",
    )

    #: How far it was read, and marked as read over there: UIDs grow for as long as UIDVALIDITY stays the same.
    uidvalidity = models.BigIntegerField(null=True, editable=False)
    last_uid = models.BigIntegerField(default=0, editable=False)
    marked_uid = models.BigIntegerField(default=0, editable=False)
    #: The mail that is being read, and how often that was begun: one that kills its worker is passed over.
    trying_uid = models.BigIntegerField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    next_at = models.DateTimeField(db_default=Now(), editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    read_at = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "mailboxes"

    def __str__(self) -> str:
        return f"{self.user} on {self.host}"


class MailResult(models.TextChoices):
    OPENED = "opened"
    COMMENTED = "commented"
    REOPENED = "reopened"
    #: A program's answer, kept as an internal comment.
    NOTED = "noted"
    IGNORED = "ignored"
    #: Too many from one sender: a person decides.
    HELD = "held"
    FAILED = "failed"


#: Results of mails whose senders take part in the ticket from then on.
HEARD: Final = (MailResult.OPENED, MailResult.COMMENTED, MailResult.REOPENED)


class MailMessageQuerySet(models.QuerySet["MailMessage"]):
    def visible_to(self, user: Any) -> Self:
        """Mails without those to restricted departments, and about their tickets, that `user` is no member of.

        Nor those about deleted tickets: nobody knows any more whose these were.
        """
        hidden = hidden_department_ids(user)
        if not hidden:
            return self
        return self.exclude(
            Q(ticket__department__in=hidden)
            | Q(integration__department__in=hidden)
            | Q(ticket__isnull=True, result__in=(*HEARD, MailResult.NOTED))
        )


class MailMessage(models.Model):
    """One mail and what became of it: written in the transaction in which it became that."""

    integration = models.ForeignKey(
        Integration, models.CASCADE, related_name="mails", db_index=False
    )
    #: Names the mail, on whatever way and however often it comes.
    digest = models.CharField(max_length=64, editable=False)
    message_id = models.CharField(max_length=900, blank=True)
    sender = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=500, blank=True)
    received_at = models.DateTimeField()
    result = models.CharField(max_length=9, choices=MailResult, default=MailResult.FAILED)
    detail = models.CharField(max_length=500, blank=True, help_text="Why, in a sentence")
    ticket = models.ForeignKey(
        Ticket, models.SET_NULL, null=True, related_name="mails", db_index=False
    )
    raw = models.ForeignKey(
        Content, models.PROTECT, null=True, related_name="mails", help_text="As it came"
    )

    objects = MailMessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["integration", "digest"], name="servers_mail_once")
        ]
        indexes = [
            models.Index(fields=["message_id"], name="servers_mail_message_id"),
            models.Index(fields=["sender", "received_at"], name="servers_mail_sender"),
            models.Index(fields=["received_at"], name="servers_mail_received"),
            models.Index(
                fields=["ticket"], name="servers_mail_ticket", condition=Q(ticket__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"Mail {self.pk}: {self.subject[:60]}"
