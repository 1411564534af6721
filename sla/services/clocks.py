"""Clocks start with their tickets and follow them, in the transaction that opens or changes the ticket.

Whoever writes a clock holds the lock of its ticket.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sla import promises
from sla.models import ClockState
from sla.promises import Policies
from sla.services import clockwork
from sla.services.following import MEASURES, Follower, answered, starting
from sla.services.writing import (
    Entered,
    insert_alike,
    read_clocks,
    read_pauses,
    row_of,
    write_clocks,
)
from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import EventKind, Ticket
from tickets.services.recording import NewEvent

_FOLLOWED: Final = MEASURES | {"status", "parent", "taken_up_on", "answered_on"}
#: Where a ticket carries its plan while it is inserted.
_PLANNED: Final = "_planned_clocks"


class Plan(NamedTuple):
    """The clocks that a ticket starts with, as rows, and what the ticket itself keeps of them."""

    rows: tuple[dict[str, Any], ...]
    due_at: datetime | None
    warn_at: datetime | None


def set_deadlines(*, tickets: Sequence[Ticket]) -> None:
    """Write the first deadline on tickets that are about to be inserted."""
    for ticket, plan in zip(tickets, _plans(tickets), strict=True):
        if plan is not None:
            ticket.due_at, ticket.warn_at = plan.due_at, plan.warn_at
            ticket.__dict__[_PLANNED] = plan


def start_clocks(*, tickets: Sequence[Ticket]) -> None:
    """Start the clocks of new tickets that `set_deadlines` planned. The caller's transaction."""
    by_plan: dict[int, tuple[Plan, list[int]]] = {}
    for ticket in tickets:
        plan = ticket.__dict__.pop(_PLANNED, None)
        if plan is not None:
            by_plan.setdefault(id(plan), (plan, []))[1].append(ticket.pk)
    insert_alike([(plan.rows, ids) for plan, ids in by_plan.values()])


def follow(*, events: Sequence[NewEvent]) -> None:
    """Let the clocks follow what happened to their tickets: pause, resume, stop, restart, retarget.

    Sets what the tickets keep of their clocks, which the caller writes. The caller's transaction.
    """
    news: dict[int, list[NewEvent]] = defaultdict(list)
    for event in events:
        if event.changes.keys() & _FOLLOWED or event.kind == EventKind.COMMENTED:
            news[event.ticket.id].append(event)
    if not news:
        return
    policies = promises.current()
    clocks = read_clocks(list(news))
    asked: list[int] = []
    for ticket, happened in news.items():
        names = {name for event in happened for name in event.changes}
        if names & MEASURES:
            states: Collection[str] = clockwork.RETARGETED
        elif "status" in names:
            states = (ClockState.PAUSED,)
        else:
            continue
        asked += [
            clock.pk
            for clock in clocks[ticket]
            if clock.state in states and clock.running_since != clock.started_at
        ]
    pauses = read_pauses(asked)
    followers = [
        Follower(happened[0].ticket, clocks[ticket], pauses, policies)
        for ticket, happened in news.items()
    ]
    for follower, happened in zip(followers, news.values(), strict=True):
        for event in happened:
            follower.follow(event)
        follower.summarise()
    entered: list[Entered] = [entry for follower in followers for entry in follower.entered]
    write_clocks([clock for follower in followers for clock in follower.changed], entered)


def _plans(tickets: Sequence[Ticket]) -> list[Plan | None]:
    policies = promises.current()
    known: dict[Any, Plan | None] = {}
    plans = []
    for ticket in tickets:
        department = ticket.department.name if ticket.department else ""
        key = (
            *(department, ticket.customer_tier, ticket.priority, ticket.status),
            *(ticket.opened_at, ticket.first_response_at is None),
        )
        if key not in known:
            known[key] = _plan(ticket, department, policies)
        plans.append(known[key])
    return plans


def _plan(ticket: Ticket, department: str, policies: Policies) -> Plan | None:
    status = Status(ticket.status)
    held = policies.holding_for(department, ticket.customer_tier, ticket.priority)
    if held is None or CATEGORY[status] is Category.RESOLVED:
        return None
    promise, targets = held
    clocks = [
        clockwork.new_clock(
            ticket.pk,
            metric,
            1,
            promise,
            target,
            ticket.opened_at,
            paused=CATEGORY[status] is Category.PAUSED,
        )
        for metric, target in starting(targets, answered=answered(ticket))
    ]
    running = [clock for clock in clocks if clock.state == ClockState.RUNNING]
    return Plan(tuple(row_of(clock) for clock in clocks), *clockwork.next_deadline(running))
