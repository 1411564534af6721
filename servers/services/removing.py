"""Servers and integrations that are removed: no ticket goes on waiting for a word that cannot come any more."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from servers.models import Incident, Integration, Server
from servers.problems import State
from servers.services.cases import ACTOR, Case, write_cases
from servers.services.fleet import lock_simulation
from servers.services.happenings import origin_of
from servers.services.incidents import lock_origins
from servers.services.senders import read_senders
from tickets.models import Ticket
from tickets.services.recording import Change, lock, record_changes
from workers.dispatch import chunks


@transaction.atomic
def delete_servers(*, ids: Sequence[int], actor: str, now: datetime) -> int:
    """Remove servers with their history. Their problems are over, their tickets resolved. Returns their number."""
    count = 0
    lock_simulation(ids)
    for some in chunks(sorted(ids), 1000):
        _end_problems(some, actor, now)
        count += Server.objects.filter(pk__in=some).delete()[1].get(Server._meta.label, 0)
    return count


@transaction.atomic
def delete_integration(*, integration: Integration, actor: str, now: datetime) -> None:
    """Remove an integration with what it sent and its incidents. Their tickets stay, and open ones say so."""
    origin = f"integration:{integration.pk}"
    lock_origins([origin])
    reason = f"{integration} was removed by {actor}: it will not say any more when this is over."
    gone = {"integration": [integration.name, None]}
    changes = [
        Change(ticket, {}, reason=reason, beside=gone)
        for ticket in _lock_tickets([origin]).values()
        if not ticket.has_ended
    ]
    record_changes(changes, actor=ACTOR, now=now)
    integration.delete()


def _end_problems(servers: Sequence[int], actor: str, now: datetime) -> None:
    rows = Server.objects.filter(pk__in=servers).values_list("pk", "name")
    names = {origin_of(pk): name for pk, name in rows}
    origins = list(names)
    lock_origins(origins)
    tickets = _lock_tickets(origins)
    senders = read_senders(origins)
    cases = []
    for incident in Incident.objects.active().filter(origin__in=origins).order_by("pk"):
        case = Case(senders[incident.origin], incident, tickets.get(incident.ticket_id or 0))
        case.problem = replace(case.problem, state=State.RESOLVED, resolve_at=None, resolved_at=now)
        case.end_reason = f"Server {names[incident.origin]} was removed by {actor}."
        cases.append(case)
    write_cases(cases, now=now)


def _lock_tickets(origins: Sequence[str]) -> dict[int, Ticket]:
    """The tickets of their problems that are not over, locked. The caller holds the lock of the origins."""
    active = Incident.objects.active().filter(origin__in=origins, ticket__isnull=False)
    asked: set[int | None] = set()
    tickets: dict[int, Ticket] = {}
    # Until we had the locks, people may have merged some of them into others.
    while wanted := set(active.values_list("ticket_id", flat=True)) - asked:
        asked |= wanted
        tickets |= {ticket.pk: ticket for ticket in lock(pk for pk in wanted if pk)}
    return tickets
