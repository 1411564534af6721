"""Bringing the figures up to date: the tickets that triggers noted as changed are counted anew, chunk by chunk."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Now

from analytics.freshness import freshness
from analytics.models import (
    ChangedTicket,
    FlowCount,
    RollupState,
    TicketCount,
    TicketFact,
    TicketFlow,
)
from analytics.services.counting import count_anew
from tickets.models import Ticket
from workers.models import Heartbeat
from workers.sql import throw_out_when_frozen

#: Notes that are taken at once; several may be of one ticket.
CHUNK: Final = 5000
#: A tick stops after so many seconds, and the next one, which comes soon after, goes on: what waits in the queue
#: meanwhile has its turn in between.
SECONDS: Final = 4.0
#: Figures that are older are worth a look.
OLD: Final = timedelta(minutes=1)
_DERIVED: Final = (TicketFact, TicketFlow, FlowCount, TicketCount)


_NOTES: Final = ChangedTicket._meta.db_table
TAKE: Final = f"""
    DELETE FROM {_NOTES} WHERE id IN (SELECT id FROM {_NOTES} ORDER BY id LIMIT %s) RETURNING ticket_id
"""


@dataclass(frozen=True)
class Refreshed:
    """`drained`: nothing was left. `busy`: somebody else is at it."""

    tickets: int
    drained: bool = False
    busy: bool = False


def refresh_figures(
    *, seconds: float | None = SECONDS, tell: Callable[[int], None] | None = None
) -> int:
    """Count what has changed since the last time, for so many seconds at most (None: until all is counted).

    Returns how many tickets were looked at. `tell` hears that after each chunk. Safe on any number of workers: one
    holds the row of `RollupState` for a chunk, and the others have nothing to do, unless they shall see the end.
    """
    RollupState.objects.get_or_create(pk=1)
    until, count = time.monotonic() + (seconds or 0), 0
    while seconds is None or time.monotonic() < until:
        done = _refresh_chunk(wait=seconds is None)
        count += done.tickets
        if done.drained or done.busy:
            break
        if tell is not None:
            tell(count)
    return count


@transaction.atomic(durable=True)
def _refresh_chunk(*, wait: bool) -> Refreshed:
    started = time.monotonic()
    state = RollupState.objects.select_for_update(skip_locked=not wait).filter(pk=1).first()
    if state is None:
        return Refreshed(0, busy=True)
    throw_out_when_frozen(60)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")  # compiling would take longer than a usual chunk
        # Asked before the notes are read: what was committed by then is among them.
        cursor.execute("SELECT clock_timestamp()")
        [at] = cursor.fetchone()
        cursor.execute(TAKE, [CHUNK])
        noted = [pk for (pk,) in cursor.fetchall()]
    ids = sorted(set(noted))
    if ids:
        count_anew(ids)
    drained = len(noted) < CHUNK
    if drained:
        state.as_of = at
    state.refreshed_at, state.tickets = at, len(ids)
    state.milliseconds = round((time.monotonic() - started) * 1000, 1)
    state.save(update_fields=["as_of", "refreshed_at", "tickets", "milliseconds"])
    return Refreshed(len(ids), drained)


def rebuild_figures(*, tell: Callable[[int], None] | None = None) -> int:
    """Forget all that was counted and count every ticket from the raw tables. Returns how many there are then.

    Until it is done, the figures have no age and are not whole. A rebuild that dies goes on with the next tick.
    """
    _forget()
    refresh_figures(seconds=None, tell=tell)
    return TicketFact.objects.count()  # ticks beside it took their share


@transaction.atomic(durable=True)
def _forget() -> None:
    RollupState.objects.get_or_create(pk=1)
    RollupState.objects.select_for_update().get(pk=1)
    tables = ", ".join(model._meta.db_table for model in _DERIVED)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables}")
        # Beside the notes that are there: to take those away would make everybody wait who changes a ticket.
        cursor.execute(
            f"""INSERT INTO {_NOTES} (ticket_id)
                SELECT id FROM {Ticket._meta.db_table} ORDER BY id"""
        )
    RollupState.objects.filter(pk=1).update(as_of=None)


def figures_findings() -> list[str]:
    """What is wrong with the figures, as sentences for `/health`."""
    fresh = freshness()
    if fresh["as_of"] is None:
        return _uncounted_findings()
    if fresh["age_seconds"] <= OLD.total_seconds():
        return []
    return [
        f"The figures are as of {fresh['as_of']:%Y-%m-%d %H:%M:%S} UTC, more than a minute ago: does a worker read"
        " the queue `default`?"
    ]


def _uncounted_findings() -> list[str]:
    """Before the first count, and while all tickets are counted anew."""
    if RollupState.objects.filter(refreshed_at__gte=Now() - OLD).exists():
        return ["All tickets are being counted: until that is done, the figures are not whole."]
    ticking = Heartbeat.objects.filter(name="beat").exists()  # else the desk has just been started
    if not ticking or not ChangedTicket.objects.exists():
        return []
    return [
        "Nobody counts the tickets, so the figures are not whole: does a worker read the queue `default`?"
    ]
