"""A person says: I have seen it. The following levels wait until that runs out."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from sla.models import ClockKind, ClockState, Escalation
from sla.promises import promise_of
from sla.services import clockwork
from sla.services.writing import Entered, read_clocks, write_clocks
from tickets.models import EventKind, Ticket
from tickets.services import Change, record_changes
from tickets.services.recording import NewEvent, lock
from workers.clock import agreed
from workers.errors import PermanentError

LONGEST: Final = timedelta(days=7)


class NothingToAcknowledge(PermanentError):
    """None of the tickets has a running clock."""


class TooLong(PermanentError):
    """Whoever acknowledges for longer should put the ticket on hold."""


@transaction.atomic(durable=True)
def acknowledge(*, ids: Sequence[int], actor: str, lasting: timedelta | None = None) -> datetime:
    """Acknowledge the running clocks of these tickets and of those attached to them, for `lasting` or for as long
    as their policy says.

    Returns until when (the latest, of several).

    :raises NothingToAcknowledge: no clock of them runs.
    :raises TooLong: for more than a week.
    """
    if lasting is not None and lasting > LONGEST:
        raise TooLong("An acknowledgement must be at most a week long.")
    attached = Ticket.objects.filter(parent__in=ids).values_list("pk", flat=True)
    tickets = lock({*ids, *attached})
    entered = _hold(tickets, actor, lasting, agreed())
    if not entered:
        numbers = ", ".join(f"#{pk}" for pk in ids) or "these tickets"
        raise NothingToAcknowledge(f"No SLA clock of {numbers} is running.")
    return max(
        entry.clock.acknowledged_until for entry in entered if entry.clock.acknowledged_until
    )


def follow_acknowledgements(*, events: Sequence[NewEvent]) -> None:
    """Acknowledge the clocks of tickets that another system says are in hand, for as long as their policies say.

    In the caller's transaction, which holds the tickets' locks.
    """
    told: dict[str, list[Ticket]] = defaultdict(list)
    for event in events:
        if "acknowledged_by" in event.changes:
            told[event.changes["acknowledged_by"][1]].append(event.ticket)
    for system, tickets in told.items():
        attached = Ticket.objects.filter(parent__in=[ticket.pk for ticket in tickets])
        _hold([*tickets, *lock(attached.values_list("pk", flat=True))], system, None, agreed())


def _hold(
    tickets: Sequence[Ticket], actor: str, lasting: timedelta | None, now: datetime
) -> list[Entered]:
    """Let the running clocks of these tickets wait; return what their ledgers say of it."""
    clocks = read_clocks([ticket.pk for ticket in tickets])
    entered: list[Entered] = []
    changes: list[Change] = []
    for ticket in tickets:
        until: datetime | None = None
        for clock in clocks[ticket.pk]:
            if clock.state != ClockState.RUNNING:
                continue
            promise = promise_of(clock.version_id)
            until = now + (lasting or promise.document.acknowledgement)
            clock.acknowledged_until, clock.acknowledged_by = until, actor
            if ticket.parent_id is None:
                clock.next_check_at = clockwork.next_check(clock, promise)
            details = {"until": until.isoformat()}
            entered.append(Entered(clock, ClockKind.ACKNOWLEDGE, now, actor, details))
        if until is not None:
            said = {"acknowledged": [None, f"until {until:%Y-%m-%d %H:%M} UTC"]}
            changes.append(Change(ticket, {}, kind=EventKind.ACKNOWLEDGED, beside=said))
    write_clocks([entry.clock for entry in entered], entered)
    Escalation.objects.filter(
        clock__in=[entry.clock.pk for entry in entered], acknowledged_at__isnull=True
    ).update(acknowledged_at=now, acknowledged_by=actor)
    record_changes(changes, actor=actor, now=now)
    return entered
