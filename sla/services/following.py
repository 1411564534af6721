"""What happens to the clocks of one ticket when something happens to the ticket. In memory."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sla.deadline import Entry, Kind, spans
from sla.document import Metric, Targets
from sla.durations import show_duration
from sla.models import ClockKind, ClockState, SlaClock
from sla.promises import Policies, Promise, promise_of
from sla.services import clockwork
from sla.services.clockwork import LIVE
from sla.services.writing import Entered
from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import EventKind, Ticket
from tickets.services.recording import NewEvent

#: A change of these asks for other targets.
MEASURES: Final = frozenset({"priority", "customer_tier", "department"})


def starting(targets: Targets, *, answered: bool) -> Iterator[tuple[Metric, timedelta]]:
    """The metrics that are measured from a ticket's opening on. Updates are owed after the first answer."""
    if targets.first_response is not None and not answered:
        yield Metric.FIRST_RESPONSE, targets.first_response
    if targets.resolution is not None:
        yield Metric.RESOLUTION, targets.resolution


def answered(ticket: Ticket) -> bool:
    """Whether somebody took the ticket up already, here or where it came from."""
    return ticket.status == Status.IN_PROGRESS or ticket.first_response_at is not None


def _said(name: str, value: Any) -> str:
    return "not set" if value is None else f"P{value}" if name == "priority" else str(value)


class Follower:
    """A ticket with its clocks, to which events are applied in their order."""

    def __init__(
        self,
        ticket: Ticket,
        clocks: list[SlaClock],
        pauses: Mapping[int, Sequence[Entry]],
        policies: Policies,
    ) -> None:
        self.ticket, self.clocks = ticket, clocks
        self.policies = policies
        self.pauses = {id(clock): list(pauses.get(clock.pk, ())) for clock in clocks}
        self.changed: list[SlaClock] = []
        self.entered: list[Entered] = []

    def follow(self, event: NewEvent) -> None:
        """Let the clocks follow one event: attributes first, because a move may start new clocks."""
        if event.changes.keys() & MEASURES:
            why = ", ".join(
                f"{name.replace('_', ' ')} {_said(name, old)} → {_said(name, new)}"
                for name, (old, new) in event.changes.items()
                if name in MEASURES
            )
            ranked = event.changes.get("priority", (0,))[0] is None
            self.retarget(event.at, event.actor, why, ranked=ranked)
        if "status" in event.changes:
            old, new = event.changes["status"]
            self._moved(Status(old), Status(new), event)
        said = event.changes
        if "parent" in said:
            self._look_again()
        if "taken_up_on" in said:
            for clock in self._live(Metric.FIRST_RESPONSE):
                self._stop(
                    clock, event.at, event.actor, f"taken up on ticket {said['taken_up_on'][1]}"
                )
        if "answered_on" in said:
            self._answered(event, f"public comment on ticket {said['answered_on'][1]}")
        if event.kind == EventKind.COMMENTED and said["public"][1] and "from_requester" not in said:
            self._answered(event, "public comment")

    def retarget(self, at: datetime, actor: str, why: str, *, ranked: bool = False) -> None:
        """Measure what lives by what is promised to such a ticket now, keeping what was counted and all pauses.

        `ranked`: it had no priority before. Then a clock of which nobody has heard yet gets its first real target,
        which is no news for its ledger.
        """
        held = self._held()
        targets = held[1] if held else Targets()
        for clock in self._live():
            target: timedelta | None = getattr(targets, clock.metric)
            if held is None or target is None:
                self._stop(clock, at, actor, f"No target any more: {why}", cancelled=True)
            elif target != clock.target or held[0].version != clock.version_id:
                before, silent = clock.target, ranked and not (clock.level or clock.breached_at)
                clockwork.retarget(clock, held[0], target, self.pauses.get(id(clock), ()), at)
                if silent:
                    self.changed.append(clock)
                    continue
                details = {
                    "from": show_duration(before),
                    "to": show_duration(target),
                    "why": why,
                    "policy": held[0].policy,
                }
                self._enter(clock, ClockKind.RETARGET, at, actor, details)
        if held is None or CATEGORY[self._status()] is Category.RESOLVED:
            return
        newest = {clock.metric: clock for clock in self.clocks}
        for metric, target in starting(targets, answered=answered(self.ticket)):
            old = newest.get(metric)
            if old is None or old.state == ClockState.CANCELLED:
                self._start_late(metric, old, held[0], target, at)

    def _moved(self, old: Status, new: Status, event: NewEvent) -> None:
        before, after = CATEGORY[old], CATEGORY[new]
        if new is Status.IN_PROGRESS:
            for clock in self._live(Metric.FIRST_RESPONSE):
                self._stop(clock, event.at, event.actor, "taken up")
        if before is not Category.RESOLVED and after is Category.RESOLVED:
            for clock in self._live():
                cancelled = new is Status.CANCELLED
                self._stop(clock, event.at, event.actor, new.value, cancelled=cancelled)
        elif before is Category.RESOLVED and after is not Category.RESOLVED:
            self._reopened(event)
        elif before is Category.OPEN and after is Category.PAUSED:
            for clock in self._live():
                if clock.state == ClockState.RUNNING:
                    at = self._in_order(clock, event.at)
                    clockwork.pause(clock, promise_of(clock.version_id), at)
                    self._enter(clock, ClockKind.PAUSE, at, event.actor)
        elif before is Category.PAUSED and after is Category.OPEN:
            for clock in self._live():
                if clock.state == ClockState.PAUSED:
                    at = self._in_order(clock, event.at)
                    clockwork.run(clock, promise_of(clock.version_id), at)
                    self._enter(clock, ClockKind.RESUME, at, event.actor)

    def _in_order(self, clock: SlaClock, at: datetime) -> datetime:
        """`at`, but no earlier than the last pause or resume: it was read before the ticket's lock was got."""
        if clock.running_since is not None:
            return max(at, clock.running_since)
        return max((at, *(entry.at for entry in self.pauses.get(id(clock), ()))))

    def _reopened(self, event: NewEvent) -> None:
        """A new cycle: the old one stays as it ended."""
        held = self._held()
        if held is not None and held[1].resolution is not None:
            self._start(Metric.RESOLUTION, held[0], held[1].resolution, event.at)

    def _look_again(self) -> None:
        """It was attached or detached. What fell due meanwhile is due now."""
        for clock in self._live():
            if clock.state == ClockState.RUNNING:
                clock.next_check_at = clockwork.next_check(clock, promise_of(clock.version_id))
                self.changed.append(clock)

    def _answered(self, event: NewEvent, why: str) -> None:
        """An agent spoke to the requester: the answer was given, and the wait for the next one begins."""
        for clock in (*self._live(Metric.FIRST_RESPONSE), *self._live(Metric.NEXT_UPDATE)):
            self._stop(clock, event.at, event.actor, why)
        held = self._held()
        open_ = CATEGORY[self._status()] is not Category.RESOLVED
        if open_ and held is not None and held[1].next_update is not None:
            self._start(Metric.NEXT_UPDATE, held[0], held[1].next_update, event.at)

    def summarise(self) -> None:
        """Set what the ticket keeps of its clocks: those of the time since it was (re)opened.

        While it is attached to another ticket nobody looks at its clocks: that one's are looked at.
        """
        if self.ticket.parent_id is not None:
            for clock in self.changed:
                clock.next_check_at = None
        since = self._round_began()
        now = [clock for clock in self.clocks if clock.started_at >= since or clock.state in LIVE]
        running = [clock for clock in now if clock.state == ClockState.RUNNING]
        ticket = self.ticket
        ticket.due_at, ticket.warn_at = clockwork.next_deadline(running)
        ticket.sla_breached = any(clock.breached_at is not None for clock in now)
        ticket.escalation_level = max((c.level for c in now if c.state in LIVE), default=0)

    def _held(self) -> tuple[Promise, Targets] | None:
        department = self.ticket.department.name if self.ticket.department else ""
        tier, priority = self.ticket.customer_tier, self.ticket.priority
        return self.policies.holding_for(department, tier, priority)

    def _status(self) -> Status:
        return Status(self.ticket.status)

    def _round_began(self) -> datetime:
        """When the ticket was opened, or reopened for the last time."""
        starts = (c.started_at for c in self.clocks if c.metric == Metric.RESOLUTION)
        return max(starts, default=datetime.min.replace(tzinfo=UTC))

    def _opened_at(self) -> datetime:
        return min((c.started_at for c in self.clocks), default=None) or self.ticket.opened_at

    def _live(self, metric: Metric | None = None) -> list[SlaClock]:
        return [c for c in self.clocks if c.state in LIVE and metric in (None, c.metric)]

    def _start(self, metric: Metric, promise: Promise, target: timedelta, at: datetime) -> None:
        cycle = 1 + max((c.cycle for c in self.clocks if c.metric == metric), default=0)
        paused = CATEGORY[self._status()] is Category.PAUSED
        clock = clockwork.new_clock(
            self.ticket.pk, metric, cycle, promise, target, at, paused=paused
        )
        self.clocks.append(clock)
        self.changed.append(clock)
        if paused:
            self._enter(clock, ClockKind.PAUSE, at, "sla")

    def _start_late(
        self,
        metric: Metric,
        old: SlaClock | None,
        promise: Promise,
        target: timedelta,
        at: datetime,
    ) -> None:
        """Measure what was not promised so far, or not since `old` was cancelled, as if it always had been."""
        began = old.started_at if old else self._opened_at()
        known_until = old.stopped_at if old and old.stopped_at else began
        if known_until < self._round_began():
            return  # the ticket was reopened since
        paused = CATEGORY[self._status()] is Category.PAUSED
        start = Entry(began, Kind.START)
        pauses = sorted({e for known in self.pauses.values() for e in known if e.at >= began})
        if spans([start, *pauses])[-1].running == paused:  # no clock ran to tell what happened
            pauses.append(Entry(known_until, Kind.PAUSE if paused else Kind.RESUME))
        cycle = old.cycle + 1 if old else 1
        clock = clockwork.new_clock(
            self.ticket.pk, metric, cycle, promise, target, began, paused=paused
        )
        clock.level = old.level if old else 0  # nobody is told twice
        if not paused:
            clock.running_since = spans([start, *pauses])[-1].start
        clockwork.retarget(clock, promise, target, pauses, at)
        self.clocks.append(clock)
        self.changed.append(clock)
        for entry in pauses:
            self._enter(clock, ClockKind(entry.kind), entry.at, "sla")

    def _stop(
        self, clock: SlaClock, at: datetime, actor: str, why: str, *, cancelled: bool = False
    ) -> None:
        at = self._in_order(clock, at)
        clockwork.stop(clock, promise_of(clock.version_id), at, cancelled=cancelled)
        self._enter(clock, ClockKind.STOP, at, actor, {"why": why})

    def _enter(
        self,
        clock: SlaClock,
        kind: ClockKind,
        at: datetime,
        actor: str,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.changed.append(clock)
        self.entered.append(Entered(clock, kind, at, actor, details or {}))
        if kind in (ClockKind.PAUSE, ClockKind.RESUME):
            self.pauses.setdefault(id(clock), []).append(Entry(at, Kind(kind)))
