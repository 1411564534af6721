"""Merging: one ticket goes on for two that are about the same matter (ADR 0018)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import Comment, EventKind, Ticket, TriageStatus
from tickets.services.changing import TicketMerged, UnknownNames, moved
from tickets.services.recording import Change, index_for_search, lock, record_changes
from workers.errors import PermanentError


class MergeRefused(PermanentError):
    """These two tickets cannot be merged; the message says why."""


@transaction.atomic(durable=True)
def merge_tickets(
    *, source: int, into: int, actor: str, now: datetime, reason: str = ""
) -> tuple[Ticket, Ticket]:
    """Let ticket `into` go on for `source`; return both. Again into the same ticket changes nothing.

    Comments move to it, tags are added to its own. What was merged into `source` before points to it from now on.
    A source that is not ended yet is cancelled, by which its clocks end.

    :raises MergeRefused: into itself, or out of a restricted department.
    :raises TicketMerged: one of them is merged already; names the ticket that goes on.
    :raises UnknownNames: there is no ticket `into`.
    """
    if source == into:
        raise MergeRefused(f"Ticket {source} cannot be merged into itself.")
    followers = _merged_into(source)
    tickets = {ticket.pk: ticket for ticket in lock([source, into, *followers])}
    if into not in tickets or source not in tickets:
        missing = into if source in tickets else source
        raise UnknownNames({"into": [f"There is no ticket {missing} any more."]})
    one, other = tickets[source], tickets[into]
    if one.merged_into_id == into:
        return one, other
    _check(one, other)
    # Whoever merged into the source while we waited for its lock is done by now, and nobody else can.
    later = [pk for pk in _merged_into(source) if pk not in tickets]
    tickets |= {ticket.pk: ticket for ticket in lock(later)}
    followed = [ticket for ticket in tickets.values() if ticket.merged_into_id == source]
    count = Comment.objects.filter(ticket=one).update(ticket=other)
    record_changes(
        [
            *_ends(one, other, now, reason),
            _takes_over(one, other, count, reason),
            *(_points(ticket, other, f"Ticket {source} was merged.") for ticket in followed),
        ],
        actor=actor,
        now=now,
    )
    if count:
        index_for_search([source, into])
    return one, other


def _merged_into(pk: int) -> list[int]:
    return list(Ticket.objects.filter(merged_into=pk).values_list("pk", flat=True))


def _check(source: Ticket, target: Ticket) -> None:
    for ticket in (source, target):
        if ticket.merged_into_id is not None:
            raise TicketMerged(ticket)
    department = source.department
    if department and department.restricted and department != target.department:
        raise MergeRefused(
            f"Ticket {source.pk} belongs to {department}, whose tickets only its members see: merged, everybody"
            f" who sees ticket {target.pk} would read it. Send one to the other's department first."
        )


def _points(ticket: Ticket, target: Ticket, reason: str) -> Change:
    went = {"merged_into": [ticket.merged_into_id, target.pk]}
    # Nothing about it waits for a decision any more.
    silent = {"merged_into_id": target.pk, "triage_status": TriageStatus.COMPLETED}
    return Change(ticket, {}, EventKind.MERGED, reason, silent=silent, beside=went)


def _ends(source: Ticket, target: Ticket, now: datetime, reason: str) -> Sequence[Change]:
    """What becomes of the source: an end, unless it has one."""
    status, pointer = Status(source.status), _points(source, target, reason)
    if CATEGORY[status] is Category.RESOLVED:
        return [pointer]
    told = f"Merged into ticket {target.pk}."
    return [pointer, moved(source, status, Status.CANCELLED, now, told)]


def _takes_over(source: Ticket, target: Ticket, comments: int, reason: str) -> Change:
    """What the target gets, with a line in its history that says who asked there."""
    said: dict[str, list[Any]] = {"merged_from": [None, source.pk]}
    if comments:
        said["comments"] = [None, comments]
    if requester := " ".join(filter(None, (source.requester_name, source.requester_email))):
        said["also_asked_by"] = [None, requester]
    tags = [*target.tags, *(tag for tag in source.tags if tag not in target.tags)]
    return Change(target, {"tags": tags}, EventKind.MERGED, reason, beside=said)
