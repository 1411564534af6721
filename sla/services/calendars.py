"""Changing calendars. The policies that use one get a new version with it, and open clocks move along."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from pydantic import ValidationError

from sla.catalog import FILE, CalendarEntry, Catalog
from sla.configfile import ALWAYS
from sla.document import DAYS, Calendar
from sla.ical import MOST_DAYS, Imported, NotACalendar, read_holidays
from sla.models import BusinessCalendar
from sla.problems import Path, Problem, problems_of
from sla.services.policies import KeptByFile, StaysAsItIs
from sla.services.retargeting import move_open_clocks
from sla.services.storing import WrongFields, in_force, lock_catalog, read_catalog, store
from workers.errors import PermanentError


class CalendarInUse(PermanentError):
    """Policies use it."""


def calendar_problems(error: ValidationError) -> list[Problem]:
    """What is wrong with a calendar; a message that names its field or day stands there."""
    found: list[Problem] = []
    names: dict[Path, Collection[str]] = {(): Calendar.model_fields, ("hours",): DAYS}
    for path, message in problems_of(error, {"": Calendar}):
        field, _, text = message.partition(": ")
        known = field in names.get(path, ())
        found.append(((*path, field), text) if known else (path, message))
    return found


@transaction.atomic
def save_calendar(
    *,
    calendar: Calendar,
    actor: str,
    now: datetime,
    calendar_id: int | None = None,
    move_open: bool = True,
) -> BusinessCalendar:
    """Store a new calendar, or change the one with `calendar_id` and publish all policies that use it.

    :raises KeptByFile: it comes from the configuration file.
    :raises StaysAsItIs: it is the 24x7 calendar.
    :raises WrongFields: its name is taken.
    """
    before = lock_catalog()
    after = with_calendar(before, calendar=calendar, calendar_id=calendar_id)
    if after != before:
        store(before, after, actor=actor)
        if move_open and after.policies != before.policies:
            move_open_clocks(policies=in_force(read_catalog()), actor=actor, now=now)
    return BusinessCalendar.objects.get(name=calendar.name)


def with_calendar(catalog: Catalog, *, calendar: Calendar, calendar_id: int | None) -> Catalog:
    """What `save_calendar` would make of `catalog`. Writes nothing.

    :raises: as `save_calendar`.
    """
    taken = catalog.calendar(calendar.name)
    if taken is not None and taken.pk != calendar_id:
        raise WrongFields({"name": [f"Another calendar is named {calendar.name!r}."]})
    if calendar_id is not None:
        _refuse_kept(_entry(catalog, calendar_id))
    return catalog.put_calendar(CalendarEntry(calendar, pk=calendar_id))


@transaction.atomic
def delete_calendar(*, calendar_id: int, actor: str) -> None:
    """Remove a calendar that no policy uses.

    :raises CalendarInUse: naming the policies.
    :raises: as `save_calendar`.
    """
    before = lock_catalog()
    entry = _entry(before, calendar_id)
    _refuse_kept(entry)
    if users := before.users_of(entry.calendar.name):
        names = ", ".join(policy.name for policy in users)
        raise CalendarInUse(f"The calendar {entry.calendar.name!r} is used by: {names}.")
    store(before, before.drop_calendar(calendar_id), actor=actor)


@transaction.atomic
def import_holidays(
    *, calendar_id: int, text: str, actor: str, now: datetime, move_open: bool = True
) -> tuple[int, list[str]]:
    """Add the all-day events of an iCalendar file; days that the calendar has stay as they are.

    Returns how many days were added, and which events were skipped and why.

    :raises WrongFields: the file cannot be used.
    :raises: as `save_calendar`.
    """
    calendar = _entry(lock_catalog(), calendar_id).calendar
    merged, imported = with_holidays(calendar, text)
    save_calendar(
        calendar=merged, calendar_id=calendar_id, move_open=move_open, actor=actor, now=now
    )
    return len(merged.holidays) - len(calendar.holidays), imported.skipped


def with_holidays(calendar: Calendar, text: str) -> tuple[Calendar, Imported]:
    """`calendar` with the days of an iCalendar file that it does not have yet.

    :raises WrongFields: the file cannot be used.
    """
    try:
        imported = read_holidays(text)
    except NotACalendar as error:
        raise WrongFields({"ical": [str(error)]}) from None
    known = {holiday.date for holiday in calendar.holidays}
    new = [holiday for holiday in imported.holidays if holiday.date not in known]
    days = sorted([*calendar.holidays, *new], key=lambda holiday: holiday.date)
    if len(days) > MOST_DAYS:
        raise WrongFields({"ical": [f"A calendar holds at most {MOST_DAYS:,} holidays."]})
    return calendar.model_copy(update={"holidays": days}), imported


def _entry(catalog: Catalog, calendar_id: int) -> CalendarEntry:
    for entry in catalog.calendars:
        if entry.pk == calendar_id:
            return entry
    raise WrongFields({"name": ["The calendar was deleted meanwhile."]})


def _refuse_kept(entry: CalendarEntry) -> None:
    if entry.source == FILE:
        raise KeptByFile(f"The calendar {entry.calendar.name!r}")
    if entry.calendar.name == ALWAYS:
        raise StaysAsItIs(f"The calendar {ALWAYS!r} is always open. Make another one.")
