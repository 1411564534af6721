"""What is promised: calendars, and policies with their versions."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from sla.calendars import STORED
from sla.document import Calendar, PolicyDocument


class Source(models.TextChoices):
    """Who keeps a row: people in the admin and the API, or the configuration file, which then alone changes it."""

    ADMIN = "admin"
    FILE = "file"


class BusinessCalendar(models.Model):
    """When time counts. Policies' versions hold a copy of it, so a change makes new versions of them."""

    name = models.CharField(max_length=80, unique=True)
    time_zone = models.CharField(max_length=60, default="UTC")
    hours = models.JSONField(
        default=dict,
        blank=True,
        help_text='Slots by weekday: {"mon": ["09:00-12:30", "13:30-18:00"]}',
    )
    country = models.CharField(max_length=10, blank=True)
    subdivision = models.CharField(max_length=10, blank=True)
    holidays = models.JSONField(
        default=list, blank=True, help_text='[{"date": "2026-12-24" or "12-24", "name": "…"}]'
    )
    source = models.CharField(max_length=5, choices=Source, default=Source.ADMIN, editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name

    def document(self) -> Calendar:
        """The calendar as policies' versions hold it."""
        names = ("name", "time_zone", "hours", "country", "subdivision", "holidays")
        values = {name: getattr(self, name) for name in names}
        return Calendar.model_validate(values, context=STORED)


class SlaPolicy(models.Model):
    """A promise about tickets. Of the enabled ones the first that has targets for a ticket holds for it."""

    name = models.CharField(max_length=80, unique=True)
    position = models.PositiveSmallIntegerField(default=100, help_text="Lower ones are asked first")
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False, editable=False)
    source = models.CharField(max_length=5, choices=Source, default=Source.ADMIN, editable=False)

    class Meta:
        verbose_name = "SLA policy"
        verbose_name_plural = "SLA policies"
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="sla_policy_one_default"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(enabled=True), name="sla_policy_default_is_on"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SlaPolicyVersion(models.Model):
    """What a policy said from some moment on. Append-only: the database refuses updates."""

    policy = models.ForeignKey(SlaPolicy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField(help_text="A whole PolicyDocument, its calendar included")
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "SLA policy version"
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="sla_version_number_once")
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"

    def read(self) -> PolicyDocument:
        document: Any = self.document
        return PolicyDocument.model_validate(document, context=STORED)
