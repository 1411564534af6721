"""Days and periods in somebody's time zone. Pure.

A day begins at its local midnight, or where that is skipped at its first instant; it may have 23 or 25 hours.
A period ends with the present quarter of an hour, because that is what is counted.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

QUARTER: Final = timedelta(minutes=15)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST_DAYS: Final = 731


@dataclass(frozen=True)
class Span:
    """From `start` on, before `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Period:
    """The last days, today included, and as much time before them."""

    days: int
    zone: ZoneInfo
    now: Span
    before: Span


def zone_of(name: str) -> ZoneInfo:
    """:raises ValueError: there is no such time zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # unknown; a folder; .. or a null in it
        raise ValueError(
            f"{name[:60]!r} is not a time zone. Use one as Europe/Berlin or UTC."
        ) from error


def end_of_quarter(now: datetime) -> datetime:
    """The end of the quarter of an hour that `now` lies in."""
    return now - (now - _EPOCH) % QUARTER + QUARTER


def begin_of_quarter(at: datetime) -> datetime:
    return at - (at - _EPOCH) % QUARTER


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def period_of(now: datetime, days: int, zone: ZoneInfo) -> Period:
    """The last `days` days, today included, up to the end of this quarter of an hour."""
    first = now.astimezone(zone).date() - timedelta(days=days - 1)
    start, end = midnight(first, zone), end_of_quarter(now).astimezone(UTC)
    return Period(days, zone, Span(start, end), Span(start - (end - start), start))


def days_of(period: Period) -> list[tuple[date, Span]]:
    """Each day of the period, the first one first. The last one ends where the period does."""
    first = period.now.start.astimezone(period.zone).date()
    days = [first + timedelta(days=n) for n in range(period.days)]
    begins = [midnight(day, period.zone) for day in days]
    ends = [*begins[1:], period.now.end]
    return [(day, Span(*span)) for day, *span in zip(days, begins, ends, strict=True)]
