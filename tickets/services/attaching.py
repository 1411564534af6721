"""Attaching: a parent is worked on, and the tickets attached to it follow (docs/storms.md)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, Min, Q, QuerySet

from tickets.lifecycle import LIVE
from tickets.models import EventKind, Ticket, TriageStatus
from tickets.services.changing import TicketMerged, UnknownNames
from tickets.services.families import attached, detached
from tickets.services.recording import Change, lock, record_changes
from workers.errors import PermanentError

#: So many numbers of tickets are named in one line of a history.
_NAMED: Final = 20


class AttachRefused(PermanentError):
    """This ticket cannot be attached to that one; the message says why."""


@transaction.atomic
def attach_tickets(
    *, ids: Sequence[int], to: int, actor: str, now: datetime, reason: str = ""
) -> list[Ticket]:
    """Let tickets follow ticket `to`: all of them or, if one may not, none. Those that do so already stay.

    :raises AttachRefused: one of them cannot, or `to` cannot have children.
    :raises TicketMerged: one of them is merged; names the ticket that goes on.
    :raises UnknownNames: there is no ticket `to`, or one of `ids` is gone.
    """
    tickets = {ticket.pk: ticket for ticket in lock({*ids, to})}
    if gone := [pk for pk in (to, *ids) if pk not in tickets]:
        field = "to" if gone[0] == to else "ids"
        raise UnknownNames({field: [f"There is no ticket {gone[0]}."]})
    parent, children = tickets[to], [tickets[pk] for pk in dict.fromkeys(ids)]
    _check_parent(parent)
    parents = _parents_among(ids)
    for child in children:
        _check_child(child, parent, parents)
    fresh = [child for child in children if child.parent_id != to]
    changes = [attached(child, to, reason) for child in fresh]
    if fresh:
        said = {"children": [None, numbers(fresh)]}
        changes.append(Change(parent, {}, EventKind.ATTACHED, reason, beside=said))
    record_changes(changes, actor=actor, now=now)
    return children


@transaction.atomic
def detach_tickets(
    *, ids: Sequence[int], actor: str, now: datetime, reason: str = ""
) -> list[Ticket]:
    """Let tickets go on by themselves, as if they had never been attached. Those that do so already stay."""
    parents = Ticket.objects.filter(children__in=ids).values_list("pk", flat=True)
    tickets = lock({*ids, *parents})
    asked_for = set(ids)
    children = [t for t in tickets if t.pk in asked_for and t.parent_id is not None]
    changes = [detached(child, reason) for child in children]
    for parent in tickets:
        if left := [child for child in children if child.parent_id == parent.pk]:
            said = {"children": [numbers(left), None]}
            changes.append(Change(parent, {}, EventKind.DETACHED, reason, beside=said))
    record_changes(changes, actor=actor, now=now)
    return [ticket for ticket in tickets if ticket.pk in asked_for]


def adopt_tickets(
    *, ids: Sequence[int], by: int, actor: str, now: datetime, reason: str = ""
) -> list[Ticket]:
    """Attach those of `ids` that can be attached to `by`, and return them. The caller's transaction.

    It never waits for the parent, of which nothing is written, and refuses nothing: whoever holds it now, or what
    it has become, leaves the tickets as they are. Any number of adoptions may run at once.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT department_id FROM {Ticket._meta.db_table}
                 WHERE id = %s AND status = ANY(%s) AND parent_id IS NULL AND merged_into_id IS NULL
                   FOR SHARE SKIP LOCKED""",
            [by, list(LIVE)],
        )
        row = cursor.fetchone()
    if row is None:
        return []
    parents = _parents_among(ids)
    fresh = [
        ticket
        for ticket in lock(ids)
        if ticket.parent_id is None
        and ticket.merged_into_id is None
        and ticket.pk not in parents
        and not ticket.has_ended
        and not _shows_more(ticket, row[0])
    ]
    record_changes([attached(child, by, reason) for child in fresh], actor=actor, now=now)
    return fresh


@transaction.atomic
def raise_parents(*, actor: str, now: datetime) -> int:
    """Give each parent at least the priority of the gravest ticket attached to it. Returns how many rose.

    Those that triage has not seen yet wait for it. Costs what is attached and open.
    """
    gravest = dict(low_parents().values_list("pk", "gravest"))
    changes = [
        Change(
            ticket,
            {"priority": gravest[ticket.pk]},
            reason="As urgent as the most urgent ticket attached to it.",
            silent={"locked_fields": sorted({*ticket.locked_fields, "priority"})},
        )
        for ticket in (lock(gravest) if gravest else ())
    ]
    return len(record_changes(changes, actor=actor, now=now))


def low_parents() -> QuerySet[Any]:
    """Parents that are less urgent than an open ticket attached to them, with its priority as `gravest`."""
    parents = Ticket.objects.filter(children__parent__isnull=False, children__status__in=LIVE)
    return (
        parents.annotate(gravest=Min("children__priority"))
        .filter(Q(priority=None, gravest__isnull=False) | Q(priority__gt=F("gravest")))
        .exclude(triage_status__in=[TriageStatus.PENDING, TriageStatus.RUNNING])
    )


def _parents_among(ids: Iterable[int]) -> set[int]:
    """Those of `ids` to which tickets are attached."""
    rows = Ticket.objects.filter(parent__in=list(ids)).values_list("parent", flat=True)
    return {pk for pk in rows if pk is not None}


def _check_parent(parent: Ticket) -> None:
    if parent.merged_into_id is not None:
        raise TicketMerged(parent)
    if parent.parent_id is not None:
        raise AttachRefused(
            f"Ticket {parent.pk} is attached to ticket {parent.parent_id} itself: attach to that one."
        )
    if parent.has_ended:
        raise AttachRefused(
            f"Ticket {parent.pk} is {parent.status}: what was attached to it would be forgotten."
            " Reopen it first."
        )


def _check_child(child: Ticket, parent: Ticket, parents: Collection[int]) -> None:
    if child.pk == parent.pk:
        raise AttachRefused(f"Ticket {child.pk} cannot be attached to itself.")
    if child.merged_into_id is not None:
        raise TicketMerged(child)
    if child.pk in parents:
        raise AttachRefused(
            f"Tickets are attached to ticket {child.pk}: attach those to ticket {parent.pk} instead."
        )
    if child.parent_id not in (None, parent.pk):
        raise AttachRefused(
            f"Ticket {child.pk} is attached to ticket {child.parent_id}: detach it from there first."
        )
    if _shows_more(child, parent.department_id):
        raise AttachRefused(
            f"Ticket {child.pk} belongs to {child.department}, whose tickets only its members see, and ticket"
            f" {parent.pk} does not. Send one to the other's department first."
        )


def _shows_more(child: Ticket, department: int | None) -> bool:
    """Whether people who see a parent in `department` would learn of a child that they may not see."""
    own = child.department
    return own is not None and own.restricted and own.pk != department


def numbers(tickets: Sequence[Ticket]) -> str:
    """The tickets' numbers as one line of a history."""
    named = ", ".join(f"#{ticket.pk}" for ticket in tickets[:_NAMED])
    return f"{named} and {len(tickets) - _NAMED} more" if len(tickets) > _NAMED else named
