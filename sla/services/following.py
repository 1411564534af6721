"""What happens to the clocks of one ticket when something happens to the ticket. In memory."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sla.deadline import Entry, Kind
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
        self.pauses = {clock.pk: list(pauses.get(clock.pk, ())) for clock in clocks}
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
            self.retarget(event.at, event.actor, why)
        if "status" in event.changes:
            old, new = event.changes["status"]
            self._moved(Status(old), Status(new), event)
        said = event.changes
        if event.kind == EventKind.COMMENTED and said["public"][1] and "from_requester" not in said:
            self._answered(event)

    def retarget(self, at: datetime, actor: str, why: str) -> None:
        """Measure what lives by what is promised to such a ticket now, keeping what was counted and all pauses."""
        held = self._held()
        targets = held[1] if held else Targets()
        for clock in self._live():
            target: timedelta | None = getattr(targets, clock.metric)
            if held is None or target is None:
                self._stop(clock, at, actor, f"No target any more: {why}", cancelled=True)
            elif target != clock.target or held[0].version != clock.version_id:
                details = {
                    "from": show_duration(clock.target),
                    "to": show_duration(target),
                    "why": why,
                    "policy": held[0].policy,
                }
                clockwork.retarget(clock, held[0], target, self.pauses.get(clock.pk, ()), at)
                self._enter(clock, ClockKind.RETARGET, at, actor, details)
        known = {clock.metric for clock in self.clocks}
        ended = CATEGORY[self._status()] is Category.RESOLVED
        if held is None or ended or known >= {Metric.FIRST_RESPONSE, Metric.RESOLUTION}:
            return
        for metric, target in starting(targets, answered=answered(self.ticket)):
            if metric not in known:
                self._start(metric, held[0], target, self._opened_at())

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
                    clockwork.pause(clock, promise_of(clock.version_id), event.at)
                    self._enter(clock, ClockKind.PAUSE, event.at, event.actor)
        elif before is Category.PAUSED and after is Category.OPEN:
            for clock in self._live():
                if clock.state == ClockState.PAUSED:
                    clockwork.run(clock, promise_of(clock.version_id), event.at)
                    self._enter(clock, ClockKind.RESUME, event.at, event.actor)

    def _reopened(self, event: NewEvent) -> None:
        """A new cycle: the old one stays as it ended."""
        held = self._held()
        if held is not None and held[1].resolution is not None:
            self._start(Metric.RESOLUTION, held[0], held[1].resolution, event.at)

    def _answered(self, event: NewEvent) -> None:
        """An agent spoke to the requester: the answer was given, and the wait for the next one begins."""
        for clock in (*self._live(Metric.FIRST_RESPONSE), *self._live(Metric.NEXT_UPDATE)):
            self._stop(clock, event.at, event.actor, "public comment")
        held = self._held()
        open_ = CATEGORY[self._status()] is not Category.RESOLVED
        if open_ and held is not None and held[1].next_update is not None:
            self._start(Metric.NEXT_UPDATE, held[0], held[1].next_update, event.at)

    def summarise(self) -> None:
        """Set what the ticket keeps of its clocks: those of the time since it was (re)opened."""
        since = max(
            (c.started_at for c in self.clocks if c.metric == Metric.RESOLUTION),
            default=datetime.min.replace(tzinfo=self._opened_at().tzinfo),
        )
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
            self.entered.append(Entered(clock, ClockKind.PAUSE, at, "sla", {}))

    def _stop(
        self, clock: SlaClock, at: datetime, actor: str, why: str, *, cancelled: bool = False
    ) -> None:
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
            self.pauses.setdefault(clock.pk, []).append(Entry(at, Kind(kind)))
