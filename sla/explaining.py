"""Why a deadline is where it is: every stretch of a clock's life, counted or skipped, in words.

Pure, but for the clock itself, of which only values are read.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from sla.business_hours import CLOSED, BusinessHours
from sla.deadline import Entry, Explained, explain
from sla.durations import show_duration

#: A clock that ran for years over office hours has thousands of stretches; the newest are told one by one.
MOST_LINES: Final = 400


class Line(NamedTuple):
    """One line of an explanation. `counted` is zero for time that was skipped."""

    start: datetime
    end: datetime
    counted: timedelta
    why: str
    text: str


def lines(ledger: Sequence[Entry], hours: BusinessHours, until: datetime) -> list[Line]:
    """Explain a clock up to `until`, in its calendar's time zone, neighbours with the same reason joined."""
    joined = list(_joined(explain(ledger, hours, until)))
    early, late = joined[:-MOST_LINES], joined[-MOST_LINES:]
    told = [Line(*part, _text(part, hours)) for part in late]
    if early:
        counted = sum((part.counted for part in early), timedelta(0))
        whole = Explained(early[0].start, early[-1].end, counted, "earlier")
        told.insert(0, Line(*whole, f"{_span(whole, hours)} counted {show_duration(counted)}"))
    return told


def _joined(parts: Iterable[Explained]) -> Iterable[Explained]:
    for why, group in groupby(parts, key=lambda part: part.why):
        run = list(group)
        if why == "counted" and len(run) > 1:
            yield from run  # separate business days
        else:
            counted = sum((part.counted for part in run), timedelta(0))
            yield Explained(run[0].start, run[-1].end, counted, why)


def _text(part: Explained, hours: BusinessHours) -> str:
    """`Fri 2 Oct 16:40–17:00 counted 20m`, `Fri 2 Oct 17:00 – Mon 5 Oct 09:00 closed`, `… on hold 2h 10m`."""
    if part.why == "counted":
        return f"{_span(part, hours)} counted {show_duration(part.counted)}"
    if part.why == "on hold":
        return f"{_span(part, hours)} on hold {show_duration(part.end - part.start)}"
    if part.why == CLOSED:
        return f"{_span(part, hours)} closed"
    return f"{_span(part, hours)} holiday: {part.why}"


def _span(part: Explained, hours: BusinessHours) -> str:
    start, end = part.start.astimezone(hours.zone), part.end.astimezone(hours.zone)
    if start.date() == end.date():
        return f"{_day(start)} {start:%H:%M}–{end:%H:%M}"
    return f"{_day(start)} {start:%H:%M} – {_day(end)} {end:%H:%M}"


def _day(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b}"
