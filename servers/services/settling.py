"""What time does to incidents: recoveries that lasted, flapping that stopped, maintenance that ended, and servers
that have failed all the same."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction

from servers.models import Incident
from servers.problems import PATIENCE, goes_on, settled
from servers.services.cases import Case, write_cases
from servers.services.incidents import lock_origins
from servers.services.senders import read_senders
from tickets.intake import TicketIn, parse
from tickets.services.recording import lock_free

log = structlog.get_logger("servers.settling")

CHUNK: Final = 500
#: For so long a message may be late.
MARKS_KEPT: Final = timedelta(days=7)

Step = Callable[[Sequence[int], datetime], int]


def settle_incidents(*, now: datetime) -> int:
    """Resolve what stayed well, end what flaps no more, open what maintenance held back, reopen what still fails
    although a person ended it. Returns how many.

    Any number may run at once: what somebody else holds is left to the next run.
    """
    still_since = now - timedelta(minutes=settings.FLAPPING_MINUTES)
    due = Incident.objects.due(now=now, still_since=still_since)
    count = _each(_settle, list(due.values_list("pk", flat=True)), now)
    let_go = Incident.objects.let_go(now)
    count += _each(_open, list(let_go.values_list("pk", flat=True)), now)
    still_failed = Incident.objects.still_failed(now - PATIENCE, now)
    return count + _each(_reopen, list(still_failed.values_list("pk", flat=True)), now)


def _each(step: Step, ids: Sequence[int], now: datetime) -> int:
    count = 0
    for start in range(0, len(ids), CHUNK):
        count += _safely(step, ids[start : start + CHUNK], now)
    return count


def _safely(step: Step, ids: Sequence[int], now: datetime) -> int:
    """A chunk that fails is done one by one, so that only the incident that spoils it stays behind."""
    try:
        return step(ids, now)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        if connection.connection is None or connection.connection.closed:
            raise  # no incident is to blame
        if len(ids) == 1:
            log.error("an incident cannot be settled", incident=ids[0], error=str(error)[:300])
            return 0
    return sum(_safely(step, [pk], now) for pk in ids)


@transaction.atomic(durable=True)
def _settle(ids: Sequence[int], now: datetime) -> int:
    cases = _hold(ids)
    for case in cases:
        case.problem = settled(case.problem, now=now, rules=case.sender.rules)
    write_cases(cases, now=now)
    return len(cases)


@transaction.atomic(durable=True)
def _open(ids: Sequence[int], now: datetime) -> int:
    cases = [case for case in _hold(ids) if case.incident.held and not case.is_over]
    for case in cases:
        ticket = parse(TicketIn, case.incident.held, now=now)
        assert isinstance(ticket, TicketIn)  # it was one when it was put there
        case.open(ticket)
    write_cases(cases, now=now)
    for case in cases:
        if case.error:
            log.error("no ticket after a maintenance", incident=case.incident.pk, error=case.error)
    return len([case for case in cases if not case.error])


@transaction.atomic(durable=True)
def _reopen(ids: Sequence[int], now: datetime) -> int:
    cases = [case for case in _hold(ids) if case.problem.dismissed_at and case.can_reopen(now)]
    for case in cases:
        case.problem = goes_on(case.problem)
    write_cases(cases, now=now)
    return len(cases)


def _hold(ids: Sequence[int]) -> list[Case]:
    """These incidents and their tickets, locked; without those whose ticket somebody else holds."""
    known = list(Incident.objects.filter(pk__in=ids))
    lock_origins([incident.origin for incident in known if incident.ticket_id is None])
    tickets = {t.pk: t for t in lock_free(i.ticket_id for i in known if i.ticket_id)}
    senders = read_senders({incident.origin for incident in known})
    return [
        Case(senders[incident.origin], incident, tickets.get(incident.ticket_id or 0))
        for incident in Incident.objects.filter(pk__in=ids).order_by("pk")
        if incident.ticket_id is None or incident.ticket_id in tickets
    ]


def forget_old_marks(now: datetime) -> int:
    """Remove what was over before it had a ticket, and never came back."""
    old = Incident.objects.filter(ticket=None, resolved_at__lt=now - MARKS_KEPT)
    return old.delete()[0]
