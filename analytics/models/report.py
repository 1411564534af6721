"""Reports by mail: when and to whom, and each that was sent."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from analytics.rhythms import Days, Every, Rhythm
from tickets.models import Department
from tickets.querysets import hidden_department_ids
from workers.leases import LeasedWork
from workers.names import TaskName


class Frequency(models.TextChoices):
    DAILY = Every.DAY.value, "Daily, about the day before"
    WEEKLY = Every.WEEK.value, "Weekly, about the seven days before"
    MONTHLY = Every.MONTH.value, "Monthly, on the 1st, about the month before"


class Weekday(models.IntegerChoices):
    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


def known_zone(name: str) -> None:
    """A validator.

    :raises ValidationError: there is no such time zone.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValidationError(
            "%(name)s is not a time zone. Use a name such as Europe/Berlin, or UTC.",
            params={"name": repr(name)},
        ) from None


class ReportScheduleQuerySet(models.QuerySet["ReportSchedule"]):
    def visible_to(self, user: Any) -> Self:
        """Schedules of departments that `user` may see."""
        return self.exclude(department__in=hidden_department_ids(user))


class ReportSchedule(models.Model):
    name = models.CharField(max_length=80, unique=True)
    enabled = models.BooleanField(default=True)
    frequency = models.CharField(max_length=5, choices=Frequency, default=Frequency.WEEKLY)
    weekday = models.PositiveSmallIntegerField(
        choices=Weekday, default=Weekday.MONDAY, help_text="Of weekly reports"
    )
    hour = models.PositiveSmallIntegerField(
        default=7, validators=[MaxValueValidator(23)], help_text="0 to 23, in the time zone"
    )
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[known_zone],
        help_text="Such as Europe/Berlin. Days begin at its midnight.",
    )
    department = models.ForeignKey(
        Department,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: all departments that the receiver may see",
    )
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="report_schedules",
        help_text="Each gets the figures of what they may see, at the address of their account.",
    )
    addresses = ArrayField(
        models.EmailField(),
        default=list,
        blank=True,
        help_text=(
            "Others. They get the figures of all departments, restricted ones too: only who may see everything"
            " can enter them, and they get what that person may see when the report is sent."
        ),
    )
    addresses_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        db_index=False,
        help_text="Who entered them",
    )
    attach_tickets = models.BooleanField(
        default=False, help_text="Attach the tickets of the period as CSV"
    )
    #: What was due earlier is not sent: it was made, changed or switched on then.
    active_since = models.DateTimeField(db_default=Now(), editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ReportScheduleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="analytics_schedule_hour", condition=Q(hour__lte=23, weekday__lte=6)
            ),
            models.CheckConstraint(
                name="analytics_schedule_frequency_is_known",
                condition=Q(frequency__in=Frequency.values),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rhythm(self) -> Rhythm:
        return Rhythm(Every(self.frequency), self.weekday, self.hour, self.time_zone)


class ReportDelivery(LeasedWork):
    """One report of one period: each receiver gets it once."""

    TASK_NAME = TaskName.ANALYTICS_SEND_REPORTS
    WAS_PUT_BACK = "tries > 0"

    schedule = models.ForeignKey(
        ReportSchedule, models.CASCADE, related_name="deliveries", db_index=False
    )
    first_day = models.DateField()
    last_day = models.DateField()
    time_zone = models.CharField(max_length=64, help_text="Whose days they are")
    requested_by = models.CharField(
        max_length=150, blank=True, help_text="Who asked for it; empty: the schedule"
    )
    sent_to = ArrayField(models.EmailField(), default=list)
    #: {address or login name: why it was not sent}
    left_out = models.JSONField(default=dict)
    tries = models.PositiveSmallIntegerField(default=0, help_text="That the mail server refused")
    revived_at = models.DateTimeField(
        null=True, editable=False, help_text="When a person had it tried again"
    )

    class Meta:
        verbose_name_plural = "report deliveries"
        constraints = [
            LeasedWork.lease_constraint("analytics_delivery_lease_while_running"),
            models.UniqueConstraint(
                fields=["schedule", "first_day", "last_day"],
                condition=Q(requested_by=""),
                name="analytics_delivery_once_per_period",
            ),
            models.CheckConstraint(
                name="analytics_delivery_period", condition=Q(first_day__lte=models.F("last_day"))
            ),
        ]
        indexes = [
            LeasedWork.sweep_index("analytics_delivery_sweep"),
            models.Index(fields=["schedule", "-id"], name="analytics_delivery_schedule"),
            models.Index(fields=["finished_at"], name="analytics_delivery_ended"),
        ]

    @classmethod
    def revive(cls, ids: Sequence[int]) -> list[int]:
        """Who was refused for good is asked again, too, for as long as at first: a person said so."""
        revived = super().revive(ids)
        cls.objects.filter(pk__in=revived).update(left_out={}, tries=0, revived_at=Now())
        return revived

    def __str__(self) -> str:
        return f"{self.schedule}: {self.period.in_words()}"

    @property
    def period(self) -> Days:
        return Days(self.first_day, self.last_day + timedelta(days=1), self.time_zone)
