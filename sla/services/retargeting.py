"""Measuring open tickets by what is promised now: to see what would change, and to change it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sla.promises import Policies
from sla.services import clockwork
from sla.services.following import Follower
from sla.services.writing import read_clocks, read_pauses, write_clocks
from tickets.lifecycle import CATEGORY, Category
from tickets.models import Ticket
from tickets.services.recording import keep_sla, lock
from workers.clock import present

_CHUNK: Final = 500
_OPEN: Final = [
    status for status, category in CATEGORY.items() if category is not Category.RESOLVED
]


class Move(NamedTuple):
    """A deadline that would move. None: no deadline (paused, or nothing promised)."""

    ticket_id: int
    metric: str
    old_due: datetime | None
    new_due: datetime | None


def preview_moves(*, policies: Policies) -> Iterator[Move]:
    """Which deadlines of open tickets would move under `policies`. Writes nothing."""
    now = present()
    for ids in _chunks():
        tickets = Ticket.objects.filter(pk__in=ids).select_related("department")
        followers = _followers(list(tickets.order_by("pk")), policies)
        for follower in followers:
            before = {id(clock): clock.due_at for clock in follower.clocks}
            follower.retarget(now, "", "")
            for clock in follower.clocks:
                old, new = before.get(id(clock)), clock.due_at
                if clock.state not in clockwork.LIVE:
                    new = None if id(clock) in {id(c) for c in follower.changed} else old
                if old != new:
                    yield Move(follower.ticket.pk, clock.metric, old, new)


def move_open_clocks(*, policies: Policies, actor: str, now: datetime) -> int:
    """Measure open tickets by `policies`, in the caller's transaction. Returns how many got other deadlines."""
    moved = 0
    for ids in _chunks():
        followers = _followers(lock(ids), policies)
        for follower in followers:
            before = [clock.due_at for clock in follower.clocks]
            follower.retarget(now, actor, "The policy changed.")
            if follower.changed:
                follower.summarise()
                moved += before != [clock.due_at for clock in follower.clocks]
        changed = [follower for follower in followers if follower.changed]
        write_clocks(
            [clock for follower in changed for clock in follower.changed],
            [entry for follower in changed for entry in follower.entered],
        )
        keep_sla([follower.ticket for follower in changed])
    return moved


def _chunks() -> Iterator[Sequence[int]]:
    """Ids of the open tickets, in order, some hundred at a time."""
    last = 0
    while True:
        ids = list(
            Ticket.objects.filter(status__in=_OPEN, pk__gt=last)
            .order_by("pk")
            .values_list("pk", flat=True)[:_CHUNK]
        )
        if not ids:
            return
        yield ids
        last = ids[-1]


def _followers(tickets: Sequence[Ticket], policies: Policies) -> list[Follower]:
    clocks = read_clocks([ticket.pk for ticket in tickets])
    pauses = read_pauses(
        [c.pk for of in clocks.values() for c in of if c.state in clockwork.RETARGETED]
    )
    return [Follower(ticket, clocks[ticket.pk], pauses, policies) for ticket in tickets]
