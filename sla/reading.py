"""Reads: a ticket's clocks with everything that explains them."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sla.deadline import Entry, Kind
from sla.durations import show_duration
from sla.explaining import Line, lines
from sla.messages import sla_type
from sla.models import ClockEvent, ClockKind, ClockState, Escalation, SlaClock
from sla.promises import Promise, promise_of
from tickets.models import Ticket

_IN_LEDGER = {ClockKind.PAUSE: Kind.PAUSE, ClockKind.RESUME: Kind.RESUME, ClockKind.STOP: Kind.STOP}


class ClockReading(NamedTuple):
    """A clock as it stands at one moment. Amounts are business time."""

    clock: SlaClock
    promise: Promise
    elapsed: timedelta
    remaining: timedelta  # negative when breached
    explanation: list[Line]
    ledger: list[ClockEvent]
    escalations: list[Escalation]

    @property
    def breached(self) -> bool:
        return self.clock.breached_at is not None or self.remaining < timedelta(0)

    @property
    def running(self) -> bool:
        return self.clock.state == ClockState.RUNNING

    @property
    def percent(self) -> float:
        return round(self.elapsed / self.clock.target * 100, 1)

    @property
    def amounts(self) -> dict[str, str]:
        """Target, elapsed, remaining and overdue time as people write them."""
        return {
            "target": show_duration(self.clock.target),
            "elapsed": show_duration(self.elapsed),
            "remaining": show_duration(max(self.remaining, timedelta(0))),
            "breached_by": show_duration(-min(self.remaining, timedelta(0))),
        }


def clock_readings(ticket: Ticket, now: datetime) -> list[ClockReading]:
    """All clocks of `ticket`, the newest cycle first, computed from their ledgers. Four queries."""
    clocks = list(SlaClock.objects.filter(ticket=ticket).order_by("-started_at", "metric", "-pk"))
    ledgers: dict[int, list[ClockEvent]] = defaultdict(list)
    for event in ClockEvent.objects.filter(clock__in=clocks).order_by("pk"):
        ledgers[event.clock_id].append(event)
    reached: dict[int, list[Escalation]] = defaultdict(list)
    for escalation in Escalation.objects.filter(ticket=ticket).order_by("pk"):
        reached[escalation.clock_id].append(escalation)
    return [_reading(c, ledgers[c.pk], reached[c.pk], now) for c in clocks]


def _reading(
    clock: SlaClock, ledger: list[ClockEvent], reached: list[Escalation], now: datetime
) -> ClockReading:
    promise = promise_of(clock.version_id)
    until = clock.stopped_at or now
    told = lines(entries(clock, ledger), promise.hours, until)
    elapsed = sum((line.counted for line in told), timedelta(0))
    return ClockReading(clock, promise, elapsed, clock.target - elapsed, told, ledger, reached)


def entries(clock: SlaClock, ledger: list[ClockEvent]) -> list[Entry]:
    """The ledger as the arithmetic reads it. The clock's own row is its start."""
    moves = [Entry(e.at, _IN_LEDGER[k]) for e in ledger if (k := ClockKind(e.kind)) in _IN_LEDGER]
    return [Entry(clock.started_at, Kind.START), *moves]


def alerts(readings: list[ClockReading]) -> list[dict[str, Any]]:
    """Every level that was acted on, oldest first, in the shape of older watchdogs."""
    rows = [
        {
            "sla_type": sla_type(reading.clock.metric),
            "state": "breach" if escalation.breach else "alert",
            "created_at": escalation.detected_at,
            "details": {
                "level": escalation.level,
                "threshold": escalation.threshold,
                "elapsed_minutes": escalation.elapsed_minutes,
                "target_minutes": escalation.target_minutes,
                "percent_used": escalation.percent_used,
            },
        }
        for reading in readings
        for escalation in reading.escalations
        if not escalation.skipped
    ]
    return sorted(rows, key=lambda row: row["created_at"])
