"""A ticket's clocks as its page draws them: a bar of what counted and what did not, and what is left."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sla.models import ClockState
from sla.reading import ClockReading, clock_readings
from tickets.models import Ticket

#: Narrower parts of a bar could not be seen.
_LEAST: Final = 0.6
_KINDS: Final = {"counted": "counted", "on hold": "held"}


class Part(NamedTuple):
    """A part of the bar in percent of it, and what the pointer shows."""

    start: float
    width: float
    kind: str
    text: str


class Clock(NamedTuple):
    reading: ClockReading
    bar: list[Part]
    live: bool
    tone: str


def clocks_of(ticket: Ticket, now: datetime) -> list[Clock]:
    """Those that still run or pause come first."""
    shown = [_clock(reading, now) for reading in clock_readings(ticket, now)]
    return sorted(shown, key=lambda clock: not clock.live)


def acknowledged_until(clocks: list[Clock], now: datetime) -> datetime | None:
    """Until when levels of escalation wait; None: they do not."""
    held = (c.reading.clock.acknowledged_until for c in clocks if c.reading.running)
    return max((until for until in held if until is not None and until > now), default=None)


def _clock(reading: ClockReading, now: datetime) -> Clock:
    state = reading.clock.state
    live = state in (ClockState.RUNNING, ClockState.PAUSED)
    if reading.breached:
        tone = "bad"
    elif state == ClockState.PAUSED:
        tone = "info"
    elif live and reading.clock.level:
        tone = "warn"
    else:
        tone = "calm" if state == ClockState.CANCELLED else "good"
    return Clock(reading, _bar(reading), live, tone)


def _bar(reading: ClockReading) -> list[Part]:
    told = reading.explanation
    if not told:
        return []
    due = reading.clock.due_at if reading.running else None
    begin, end = told[0].start, max(told[-1].end, due or told[-1].end)
    whole = max(end - begin, timedelta(seconds=1))

    def place(at: datetime) -> float:
        return round((at - begin) / whole * 100, 2)

    parts = [
        Part(
            place(line.start),
            max(round((line.end - line.start) / whole * 100, 2), _LEAST),
            _KINDS.get(line.why, "closed"),
            line.text,
        )
        for line in told
    ]
    if end > told[-1].end:
        parts.append(Part(place(told[-1].end), 100 - place(told[-1].end), "left", "left"))
    return parts
