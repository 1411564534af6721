"""What can happen to one clock: in memory, by the rules; `services.clocks` reads and writes.

Business hours and levels come from the promise that the clock is measured by. Nothing here asks what time it is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sla.business_hours import NOTHING
from sla.deadline import Entry, Kind, counted, reaches
from sla.document import Level, Metric
from sla.models import ClockState, SlaClock
from sla.promises import Promise, promise_of

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
LIVE: Final = (ClockState.RUNNING, ClockState.PAUSED)
#: Those whose pauses a retarget asks for: what was cancelled may be promised again.
RETARGETED: Final = (*LIVE, ClockState.CANCELLED)
#: A model's constructor would take longer than the rest of opening a ticket.
_BLANK: Final[dict[str, Any]] = {
    **dict.fromkeys(
        ("id", "running_since", "due_at", "breached_at", "stopped_at", "next_check_at")
    ),
    "acknowledged_until": None,
    "acknowledged_by": "",
    "counted": NOTHING,
    "level": 0,
}


def new_clock(
    ticket: int,
    metric: Metric,
    cycle: int,
    promise: Promise,
    target: timedelta,
    at: datetime,
    *,
    paused: bool,
) -> SlaClock:
    values = {
        **_BLANK,
        "ticket_id": ticket,
        "metric": metric.value,
        "cycle": cycle,
        "version_id": promise.version,
        "target": target,
        "started_at": at,
        "state": ClockState.PAUSED.value if paused else ClockState.RUNNING.value,
    }
    clock = SlaClock.from_db(None, values.keys(), values.values())
    if not paused:
        run(clock, promise, at)
    return clock


def run(clock: SlaClock, promise: Promise, since: datetime) -> None:
    """Let a clock count from `since` on. One that was overdue before keeps its deadline."""
    clock.state, clock.running_since = ClockState.RUNNING, since
    left = clock.target - clock.counted
    clock.due_at = clock.breached_at or promise.hours.add(since, left)
    clock.next_check_at = next_check(clock, promise)


def pause(clock: SlaClock, promise: Promise, at: datetime) -> None:
    _count(clock, promise, at)
    clock.state, clock.due_at = ClockState.PAUSED, None


def stop(clock: SlaClock, promise: Promise, at: datetime, *, cancelled: bool) -> None:
    """End a clock: met, breached when its deadline had passed, or cancelled when it had not."""
    if clock.state == ClockState.RUNNING:
        _count(clock, promise, at)
    clock.stopped_at, clock.acknowledged_until = at, None
    if clock.breached_at is not None:
        clock.state, clock.due_at = ClockState.BREACHED, clock.breached_at
    else:
        clock.state = ClockState.CANCELLED if cancelled else ClockState.MET


def _count(clock: SlaClock, promise: Promise, until: datetime) -> None:
    """Stop counting, and keep what was counted and whether the deadline had passed."""
    if clock.running_since is not None:
        clock.counted += promise.hours.between(clock.running_since, until)
    if clock.due_at is not None and clock.due_at < until:
        clock.breached_at = clock.due_at
    clock.running_since = clock.next_check_at = None


def retarget(
    clock: SlaClock, promise: Promise, target: timedelta, pauses: Sequence[Entry], at: datetime
) -> None:
    """Measure a live clock by another target or calendar, from its start on and with all its pauses.

    `pauses`: its ledger's pauses and resumes. Levels that were reached stay reached: nobody is told twice.
    """
    clock.target, clock.version_id = target, promise.version
    if not pauses and clock.running_since == clock.started_at:
        due: datetime | None = promise.hours.add(clock.started_at, target)  # nearly all clocks
        clock.due_at = due
        clock.breached_at = due if clock.breached_at and due < at else None  # type: ignore[operator]
        clock.next_check_at = next_check(clock, promise)
        return
    ledger = [Entry(clock.started_at, Kind.START), *pauses]
    due = reaches(ledger, promise.hours, target)
    clock.breached_at = due if due is not None and due < at and clock.breached_at else None
    if clock.state == ClockState.PAUSED:
        clock.counted = counted(ledger, promise.hours, max(ledger).at)  # that is its pause
        if due is not None:
            clock.breached_at = due
        return
    since = clock.running_since or clock.started_at
    earlier = [*ledger, Entry(since, Kind.STOP)]
    clock.counted = counted(earlier, promise.hours, since)
    clock.due_at = due
    clock.next_check_at = next_check(clock, promise)


def levels_above(clock: SlaClock, promise: Promise) -> list[tuple[int, Level]]:
    """The levels that the clock has not reached yet, with their numbers, in order."""
    return [
        (number, level)
        for number, level in enumerate(promise.document.levels, start=1)
        if number > clock.level and (not level.metrics or clock.metric in level.metrics)
    ]


def reached_at(clock: SlaClock, promise: Promise, level: Level) -> datetime:
    """When a running clock reaches `level`, if it runs on."""
    since = clock.running_since or clock.started_at
    return promise.hours.add(since, level.offset(clock.target) - clock.counted)


def next_deadline(running: Sequence[SlaClock]) -> tuple[datetime | None, datetime | None]:
    """The earliest deadline of running clocks, and when the first of them warns: at the deadline if none does."""
    due = min((clock.due_at for clock in running if clock.due_at), default=None)
    if due is None:
        return None, None
    return due, min(due, *(_warning_at(clock) for clock in running))


def _warning_at(clock: SlaClock) -> datetime:
    """When the first level before the deadline is or was reached; the far future when there is none."""
    promise = promise_of(clock.version_id)
    for level in promise.document.levels:
        if not level.breach and (not level.metrics or clock.metric in level.metrics):
            return reached_at(clock, promise, level)
    return _NEVER


def next_check(clock: SlaClock, promise: Promise) -> datetime | None:
    """When a running clock must be looked at again: at its deadline or its next level, unless acknowledged."""
    due = clock.due_at if clock.breached_at is None else None
    above = levels_above(clock, promise)
    if not above:
        return due
    when = reached_at(clock, promise, above[0][1])
    if clock.acknowledged_until is not None:
        when = max(when, clock.acknowledged_until)
    return when if due is None else min(due, when)
