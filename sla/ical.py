"""Holidays from an iCalendar file (RFC 5545), as Outlook, Google and public authorities export them. Pure."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple

from icalendar import Calendar as ICalendar
from icalendar.error import BrokenCalendarProperty

from sla.document import Holiday

MOST_BYTES: Final = 1_000_000
MOST_DAYS: Final = 5000
LONGEST_EVENT: Final = 366
MOST_YEARS: Final = 100
_DAY: Final = timedelta(days=1)


class NotACalendar(ValueError):
    """The text is no iCalendar file, or more than we take."""


class Imported(NamedTuple):
    holidays: list[Holiday]
    #: Events that are no holidays to us, each with the reason.
    skipped: list[str]


def read_holidays(text: str) -> Imported:
    """Return a holiday for each day of each all-day event; an event that comes every year is yearly.

    :raises NotACalendar: naming what is wrong.
    """
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise NotACalendar(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    for line in ("BEGIN:VCALENDAR", "END:VCALENDAR"):
        if line not in text.upper():
            raise NotACalendar(f"This is no iCalendar file, or not all of it: it has no {line}.")
    try:
        # More than one calendar in a file is allowed, and some tools write it so.
        calendars: list[Any] = ICalendar.from_ical(text, multiple=True)
        events = [event for calendar in calendars for event in calendar.walk("VEVENT")]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise NotACalendar(f"This iCalendar file is damaged: {str(error)[:200]}") from None
    days: dict[str, Holiday] = {}
    skipped: list[str] = []
    for event in events:
        name = _name(event)
        try:
            found = list(islice(_days(event), MOST_DAYS + 1))
        except _Skip as reason:
            skipped.append(f"{name}: {reason}")
            continue
        except (ValueError, TypeError, OverflowError, BrokenCalendarProperty):
            skipped.append(f"{name}: its dates cannot be read.")
            continue
        for day in found:
            days.setdefault(day, Holiday(date=day, name=name))
        if len(days) > MOST_DAYS:
            raise NotACalendar(f"The file holds more than {MOST_DAYS:,} days.")
    return Imported([days[day] for day in sorted(days)], skipped)


class _Skip(Exception):
    """This event is no holiday to us."""


def _name(event: Any) -> str:
    words = re.sub(r"[\x00-\x1f\x7f]", " ", str(event.get("SUMMARY", "")))
    return " ".join(words.split())[:100] or "holiday"


def _days(event: Any) -> Iterator[str]:
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        raise _Skip("it is cancelled.")
    start = _value(event, "DTSTART")
    if not isinstance(start, date) or isinstance(start, datetime):
        raise _Skip("it is not an all-day event.")
    end = _value(event, "DTEND")  # the day after the last one
    length = _value(event, "DURATION")
    if isinstance(length, timedelta):
        end = start + length
    if not isinstance(end, date) or isinstance(end, datetime) or end <= start:
        end = start + _DAY
    if (end - start).days > LONGEST_EVENT:
        raise _Skip("it lasts longer than a year.")
    once = [start + _DAY * n for n in range((end - start).days)]
    rule = event.get("RRULE")
    if rule is None:
        yield from (day.isoformat() for day in once)
        return
    yield from _repeated(once, {str(name).upper(): value for name, value in dict(rule).items()})


def _repeated(once: list[date], rule: dict[str, Any]) -> Iterator[str]:
    """Every year without an end: `12-24`; with an end: each year's day."""
    start = once[0]
    plain = {"FREQ", "UNTIL", "COUNT", "INTERVAL", "WKST", "BYMONTH", "BYMONTHDAY"}
    yearly = (
        _all(rule.get("FREQ"), "YEARLY")
        and set(rule) <= plain
        and _all(rule.get("INTERVAL", 1), "1")
        and _all(rule.get("BYMONTH", start.month), str(start.month))
        and _all(rule.get("BYMONTHDAY", start.day), str(start.day))
    )
    if not yearly:
        raise _Skip("it repeats otherwise than every year on the same day.")
    until, count = _first(rule.get("UNTIL")), _first(rule.get("COUNT"))
    if until is None and count is None:
        yield from (day.isoformat()[5:] for day in once)
        return
    last = until.date() if isinstance(until, datetime) else until
    for number in range(min(int(count or MOST_YEARS), MOST_YEARS)):
        try:
            moved = start.replace(year=start.year + number)
        except ValueError:
            continue  # 29 February
        if isinstance(last, date) and moved > last:
            return
        yield from ((moved + (day - start)).isoformat() for day in once)


def _value(event: Any, name: str) -> Any:
    return getattr(event.get(name), "dt", None)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _all(value: Any, wanted: str) -> bool:
    """A part of a rule is a list in the file; only `wanted` stands in it."""
    values = value if isinstance(value, list) else [value]
    return [str(part).upper() for part in values] == [wanted]
