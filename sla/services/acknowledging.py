"""A person says: I have seen it. The following levels wait until that runs out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction

from sla.models import ClockKind, ClockState, Escalation
from sla.promises import promise_of
from sla.services import clockwork
from sla.services.writing import Entered, read_clocks, write_clocks
from tickets.models import EventKind
from tickets.services import Change, record_changes
from tickets.services.recording import lock
from workers.errors import PermanentError

LONGEST: Final = timedelta(days=7)


class NothingToAcknowledge(PermanentError):
    """None of the tickets has a running clock."""


class TooLong(PermanentError):
    """Whoever acknowledges for longer should put the ticket on hold."""


@transaction.atomic(durable=True)
def acknowledge(*, ids: Sequence[int], actor: str, lasting: timedelta | None = None) -> datetime:
    """Acknowledge the running clocks of these tickets, for `lasting` or for as long as their policy says.

    Returns until when (the latest, of several).

    :raises NothingToAcknowledge: no clock of them runs.
    :raises TooLong: for more than a week.
    """
    if lasting is not None and lasting > LONGEST:
        raise TooLong("An acknowledgement must be at most a week long.")
    tickets = lock(ids)
    clocks = read_clocks([ticket.pk for ticket in tickets])
    now = _now()
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
            clock.next_check_at = clockwork.next_check(clock, promise)
            details = {"until": until.isoformat()}
            entered.append(Entered(clock, ClockKind.ACKNOWLEDGE, now, actor, details))
        if until is not None:
            said = {"acknowledged": [None, f"until {until:%Y-%m-%d %H:%M} UTC"]}
            changes.append(Change(ticket, {}, kind=EventKind.ACKNOWLEDGED, beside=said))
    if not entered:
        numbers = ", ".join(f"#{ticket.pk}" for ticket in tickets) or "these tickets"
        raise NothingToAcknowledge(f"No SLA clock of {numbers} is running.")
    write_clocks([entry.clock for entry in entered], entered)
    Escalation.objects.filter(
        clock__in=[entry.clock.pk for entry in entered], acknowledged_at__isnull=True
    ).update(acknowledged_at=now, acknowledged_by=actor)
    record_changes(changes, actor=actor, now=now)
    return max(
        entry.clock.acknowledged_until for entry in entered if entry.clock.acknowledged_until
    )


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
        return now
