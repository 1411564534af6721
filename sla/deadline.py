"""When a clock runs out, and why: pure functions of its ledger and its business hours.

A ledger is a list of entries: the start, pauses and resumes, the stop. Its order does not matter, nor that of
entries at one instant: of those, pauses and resumes cancel each other. Time counts while the clock runs and the
calendar is open. Entries before the start are taken as at the start; entries after the stop are ignored.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from sla.business_hours import NOTHING, BusinessHours


class Kind(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


class Entry(NamedTuple):
    at: datetime
    kind: Kind


class Span(NamedTuple):
    """A time in which the clock ran or was paused. The last one of a clock that was not stopped has no end."""

    start: datetime
    end: datetime | None
    running: bool


class Explained(NamedTuple):
    """One stretch of a clock's life: whether it counted, how much, and why (not)."""

    start: datetime
    end: datetime
    counted: timedelta
    why: str  # "counted", "closed", "on hold", or the holiday's name


class NoStart(ValueError):
    """A ledger must have exactly one start."""


def spans(ledger: Iterable[Entry]) -> list[Span]:
    """Cut a clock's life into the times it ran and the times it was paused, in order; none of them is empty."""
    entries = list(ledger)
    starts = [entry.at for entry in entries if entry.kind is Kind.START]
    if len(starts) != 1:
        raise NoStart(f"A ledger has one start, not {len(starts)}.")
    start = starts[0]
    stop = min((entry.at for entry in entries if entry.kind is Kind.STOP), default=None)
    steps: dict[datetime, int] = {}
    for at, kind in entries:
        if kind in (Kind.PAUSE, Kind.RESUME) and (stop is None or at <= stop):
            at = max(at, start)
            steps[at] = steps.get(at, 0) + (1 if kind is Kind.PAUSE else -1)
    found: list[Span] = []
    since, paused = start, False
    for at in sorted(steps):
        now_paused = paused if steps[at] == 0 else steps[at] > 0
        if now_paused != paused:
            if at > since:
                found.append(Span(since, at, not paused))
            since, paused = at, now_paused
    if stop is None or stop > since:
        found.append(Span(since, stop, not paused))
    return found


def counted(ledger: Iterable[Entry], hours: BusinessHours, until: datetime) -> timedelta:
    """How much time the clock has counted by `until`."""
    return sum(
        (
            hours.between(span.start, until if span.end is None else min(span.end, until))
            for span in spans(ledger)
            if span.running
        ),
        NOTHING,
    )


def reaches(ledger: Iterable[Entry], hours: BusinessHours, amount: timedelta) -> datetime | None:
    """The instant at which the clock has counted `amount`: its deadline when that is its target.

    None when it never will: it is paused or was stopped before.
    """
    left = amount
    for span in spans(ledger):
        if not span.running:
            continue
        if span.end is None:
            return hours.add(span.start, left)
        here = hours.between(span.start, span.end)
        if here >= left:
            return hours.add(span.start, left)
        left -= here
    return None


def explain(ledger: Sequence[Entry], hours: BusinessHours, until: datetime) -> Iterator[Explained]:
    """Every stretch from the start to `until` (or the stop), in order, without a gap: counted, or skipped and why.

    What is counted sums up to `counted`.
    """
    for span in spans(ledger):
        end = until if span.end is None else min(span.end, until)
        if end <= span.start:
            continue
        if not span.running:
            yield Explained(span.start, end, NOTHING, "on hold")
            continue
        for stretch in hours.stretches(span.start, end):
            length = stretch.end - stretch.start if stretch.open else NOTHING
            yield Explained(
                stretch.start, stretch.end, length, "counted" if stretch.open else stretch.why
            )
