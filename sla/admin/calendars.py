"""Calendars: a line for each weekday, holidays as lines or from a file, and what the next days look like."""

import zoneinfo
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from pydantic import ValidationError as WrongCalendar
from unfold.admin import ModelAdmin
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from sla.business_hours import BusinessHours
from sla.configfile import ALWAYS
from sla.document import DAYS, Calendar
from sla.ical import MOST_BYTES, Imported
from sla.models import BusinessCalendar, Source
from sla.services.calendars import (
    calendar_problems,
    delete_calendar,
    save_calendar,
    with_calendar,
    with_holidays,
)
from sla.services.planning import Plan, plan
from sla.services.storing import WrongFields, read_catalog
from workers.errors import PermanentError

SHOWN_DAYS = 14


class Day(NamedTuple):
    date: date
    slots: list[str]
    holiday: str


def next_days(calendar: Calendar, now: datetime) -> list[Day]:
    """The open slots of the next days, in local time."""
    hours = BusinessHours(calendar)
    today = now.astimezone(hours.zone).date()
    days = [today + timedelta(days=n) for n in range(SHOWN_DAYS)]
    slots: dict[date, list[str]] = {day: ["00:00-24:00"] if hours.always else [] for day in days}
    if not hours.always:
        start = datetime.combine(today, time(), hours.zone)
        end = datetime.combine(days[-1] + timedelta(days=1), time(), hours.zone)
        for stretch in hours.stretches(start, end):
            opens, closes = (at.astimezone(hours.zone) for at in (stretch.start, stretch.end))
            if stretch.open and opens.date() in slots:
                until = "24:00" if closes.date() > opens.date() else f"{closes:%H:%M}"
                slots[opens.date()].append(f"{opens:%H:%M}-{until}")
    return [Day(day, slots[day], hours.holiday(day)) for day in days]


@lru_cache(maxsize=1)
def countries() -> list[tuple[str, str]]:
    import holidays

    return [("", "none"), *((code, code) for code in sorted(holidays.list_supported_countries()))]


@lru_cache(maxsize=1)
def time_zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(zoneinfo.available_timezones())]


def _day_field(day: str) -> forms.CharField:
    return forms.CharField(
        required=False, label=day.capitalize(), max_length=400, widget=UnfoldAdminTextInputWidget
    )


class CalendarForm(forms.ModelForm):
    time_zone = forms.ChoiceField(
        choices=time_zones, initial="UTC", widget=UnfoldAdminSelect2Widget
    )
    mon, tue, wed, thu, fri, sat, sun = map(_day_field, DAYS)
    country = forms.ChoiceField(
        choices=countries,
        required=False,
        widget=UnfoldAdminSelect2Widget,
        help_text="Its public holidays are closed.",
    )
    subdivision = forms.CharField(
        required=False,
        max_length=10,
        widget=UnfoldAdminTextInputWidget,
        help_text="State or province of it, such as BY.",
    )
    holidays = forms.CharField(
        required=False,
        label="More holidays",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
        help_text="One a line: 2026-12-24 Christmas Eve; 12-24 Christmas Eve for every year.",
    )
    ical = forms.FileField(
        required=False,
        label="Add holidays from an iCalendar file",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".ics,text/calendar"}),
        help_text="Its all-day events. Days that are there already stay as they are.",
    )
    move_open = forms.BooleanField(
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        label="Move open tickets too",
        help_text="The deadlines of open tickets are computed anew.",
    )
    editable = True

    class Meta:
        model = BusinessCalendar
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plan: Plan | None = None
        self.imported: Imported | None = None
        self.added = 0
        self.previewing = "_preview" in self.data
        #: What is shown of the next days: the stored calendar, or the one on the screen.
        self.calendar = self.instance.document() if self.instance.pk else None
        if self.calendar is not None:
            shown = self.calendar.model_dump(mode="json")
            lines = [f"{day['date']} {day['name']}" for day in shown.pop("holidays")]
            hours = {day: ", ".join(slots) for day, slots in shown.pop("hours").items()}
            self.initial = {**self.initial, **shown, **hours, "holidays": "\n".join(lines)}

    @property
    def days(self) -> list[Day]:
        return next_days(self.calendar, timezone.now()) if self.calendar else []

    def is_valid(self) -> bool:
        """A preview is never saved: the page is shown again as it was typed."""
        return super().is_valid() and not self.previewing

    def clean_ical(self) -> str:
        file = self.cleaned_data["ical"]
        if not file:
            return ""
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not UTF-8.") from None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        numbered = enumerate(data["holidays"].splitlines(), start=1)
        lines = [(number, line.strip()) for number, line in numbered if line.strip()]
        given = {name: data[name] for name in ("name", "time_zone", "country", "subdivision")}
        given["hours"] = {day: data[day] for day in DAYS if data[day].strip()}
        given["holidays"] = [line for _, line in lines]
        try:
            calendar = Calendar.model_validate(given)
        except WrongCalendar as error:
            for path, message in calendar_problems(error):
                self._show(path, message, [number for number, _ in lines])
            return data
        try:
            if data.get("ical"):
                before_import = len(calendar.holidays)
                calendar, self.imported = with_holidays(calendar, data["ical"])
                self.added = len(calendar.holidays) - before_import
            before = read_catalog()
            after = with_calendar(before, calendar=calendar, calendar_id=self.instance.pk)
        except WrongFields as error:
            for field, found in error.errors.items():
                self.add_error(field if field in self.fields else None, found)
        except PermanentError as error:
            raise forms.ValidationError(str(error)) from None
        else:
            data["calendar"] = self.calendar = calendar
            if self.previewing:
                self.plan = plan(before, after, now=timezone.now())
        return data

    def _show(self, path: Any, message: str, numbers: list[int]) -> None:
        first = str(path[0]) if path else ""
        if first == "hours" and len(path) > 1:
            self.add_error(str(path[1]), message)
        elif first == "holidays" and len(path) > 1:
            self.add_error("holidays", f"Line {numbers[path[1]]}: {message}")
        else:
            self.add_error(first if first in self.fields else None, message)


@admin.register(BusinessCalendar)
class BusinessCalendarAdmin(ModelAdmin):
    form = CalendarForm
    change_form_template = "admin/sla/businesscalendar/change_form.html"
    list_display = ("name", "time_zone", "country", "source", "updated_at")
    ordering = ("name",)
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "time_zone")}),
        (
            "Hours",
            {
                "fields": DAYS,
                "description": "The open slots of each day, such as 09:00-12:30, 13:30-18:00. "
                "Without any it is always open.",
            },
        ),
        ("Holidays", {"fields": ("country", "subdivision", "holidays", "ical")}),
        ("Saving", {"fields": ("move_open",)}),
    )
    #: For those who may only read it.
    read_only = ("name", "time_zone", "shown_hours", "country", "subdivision", "shown_holidays")

    def get_fieldsets(self, request: HttpRequest, obj: BusinessCalendar | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": self.read_only}),)
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return self.read_only
        return ()

    def has_change_permission(
        self, request: HttpRequest, obj: BusinessCalendar | None = None
    ) -> bool:
        return super().has_change_permission(request, obj) and not _kept_by(obj)

    def has_delete_permission(
        self, request: HttpRequest, obj: BusinessCalendar | None = None
    ) -> bool:
        if obj is not None and (_kept_by(obj) or read_catalog().users_of(obj.name)):
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)  # one by one, so that none that is used goes
        return actions

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.editable = obj is None or self.has_change_permission(request, obj)
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        users = read_catalog().users_of(row.name) if row else []
        context = {
            **(extra_context or {}),
            "kept_by": _kept_by(row),
            "users": [policy.name for policy in users],
        }
        return super().changeform_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        row = save_calendar(
            calendar=form.cleaned_data["calendar"],
            calendar_id=obj.pk if change else None,
            move_open=form.cleaned_data["move_open"],
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        obj.pk = row.pk
        if form.imported is not None:
            skipped = form.imported.skipped
            told = f" {len(skipped)} skipped: {'; '.join(skipped[:5])}" if skipped else ""
            self.message_user(request, f"{form.added} days added.{told}", messages.INFO)

    def delete_model(self, request: HttpRequest, obj: BusinessCalendar) -> None:
        delete_calendar(calendar_id=obj.pk, actor=request.user.get_username())

    @admin.display(description="Hours")
    def shown_hours(self, row: BusinessCalendar) -> str:
        hours = row.document().model_dump(mode="json")["hours"]
        return "; ".join(f"{d.capitalize()} {', '.join(s)}" for d, s in hours.items()) or "always"

    @admin.display(description="Holidays")
    def shown_holidays(self, row: BusinessCalendar) -> str:
        return "; ".join(f"{day.date} {day.name}" for day in row.document().holidays) or "none"


def _kept_by(row: BusinessCalendar | None) -> str:
    """Why nobody may change it here, or nothing."""
    if row is not None and row.source == Source.FILE:
        return f"It comes from {settings.SLA_CONFIG_FILE}. Change it there."
    if row is not None and row.name == ALWAYS:
        return "It is always open and stays so. Make another calendar for other hours."
    return ""
