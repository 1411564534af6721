"""Days and periods in somebody's time zone. Pure.

A day begins at its local midnight, or where that is skipped at its first instant; it may have 23 or 25 hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

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


#: Minutes of what is counted together, the widest first.
WIDTHS: Final = (1440, 60)
#: Instead of minutes: not a whole hour.
EDGE: Final = 0
Piece = tuple[int, datetime, datetime]


def pieces(span: Span) -> list[Piece]:
    """Cut a span into whole days of UTC, what is left into whole hours, and the rest: (minutes, from, to)."""
    return _cut(span.start, span.end, WIDTHS)


def _cut(start: datetime, end: datetime, widths: Sequence[int]) -> list[Piece]:
    if start >= end:
        return []
    if not widths:
        return [(EDGE, start, end)]
    width = timedelta(minutes=widths[0])
    first, last = start + (_EPOCH - start) % width, end - (end - _EPOCH) % width
    if first >= last:
        return _cut(start, end, widths[1:])
    whole = (widths[0], first, last)
    return [*_cut(start, first, widths[1:]), whole, *_cut(last, end, widths[1:])]


def zone_of(name: str) -> ZoneInfo:
    """:raises ValueError: there is no such time zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # unknown; a folder; .. or a null in it
        raise ValueError(
            f"{name[:60]!r} is not a time zone. Use one as Europe/Berlin or UTC."
        ) from error


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def period_of(now: datetime, days: int, zone: ZoneInfo) -> Period:
    """The last `days` days, today included, up to now."""
    first = now.astimezone(zone).date() - timedelta(days=days - 1)
    start, end = midnight(first, zone), now.astimezone(UTC)
    return Period(days, zone, Span(start, end), Span(start - (end - start), start))


def days_of(period: Period) -> list[tuple[date, Span]]:
    """Each day of the period, the first one first. The last one ends where the period does."""
    first = period.now.start.astimezone(period.zone).date()
    days = [first + timedelta(days=n) for n in range(period.days)]
    begins = [midnight(day, period.zone) for day in days]
    ends = [*begins[1:], period.now.end]
    return [(day, Span(*span)) for day, *span in zip(days, begins, ends, strict=True)]
