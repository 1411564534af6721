"""Merging: one ticket goes on for two that are about the same matter (ADR 0018)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import Attachment, Comment, EventKind, Ticket, TriageStatus
from tickets.services.changing import TicketMerged, UnknownNames, moved
from tickets.services.families import attached, detached
from tickets.services.recording import Change, lock, record_changes
from tickets.services.storing import index_for_search
from workers.errors import PermanentError


class MergeRefused(PermanentError):
    """These two tickets cannot be merged; the message says why."""


@transaction.atomic(durable=True)
def merge_tickets(
    *, source: int, into: int, actor: str, now: datetime, reason: str = ""
) -> tuple[Ticket, Ticket]:
    """Let ticket `into` go on for `source`; return both. Again into the same ticket changes nothing.

    Comments and files move to it, tags are added to its own. What was merged into `source` before points to it
    from now on. A source that is not ended yet is cancelled, by which its clocks end. It is attached to nothing
    any more; what was attached to it is attached to the target, or goes on alone if that cannot have any.

    :raises MergeRefused: into itself, or out of a restricted department.
    :raises TicketMerged: one of them is merged already; names the ticket that goes on.
    :raises UnknownNames: there is no ticket `into`.
    """
    if source == into:
        raise MergeRefused(f"Ticket {source} cannot be merged into itself.")
    followers = _following(source)
    tickets = {ticket.pk: ticket for ticket in lock([source, into, *followers])}
    if into not in tickets or source not in tickets:
        missing = into if source in tickets else source
        raise UnknownNames({"into": [f"There is no ticket {missing} any more."]})
    one, other = tickets[source], tickets[into]
    if one.merged_into_id == into:
        return one, other
    _check(one, other)
    # Whoever merged into the source while we waited for its lock is done by now, and nobody else can.
    later = [pk for pk in _following(source) if pk not in tickets]
    tickets |= {ticket.pk: ticket for ticket in lock(later)}
    followed = [ticket for ticket in tickets.values() if ticket.merged_into_id == source]
    children = [ticket for ticket in tickets.values() if ticket.parent_id == source]
    count = Comment.objects.filter(ticket=one).update(ticket=other)
    Attachment.objects.filter(ticket=one).update(ticket=other)
    record_changes(
        [
            *_ends(one, other, now, reason),
            _takes_over(one, other, count, reason),
            *(_points(ticket, other, f"Ticket {source} was merged.") for ticket in followed),
            *_inherits(other, children, f"Ticket {source} was merged."),
        ],
        actor=actor,
        now=now,
    )
    if count:
        index_for_search([source, into])
    return one, other


def _following(pk: int) -> list[int]:
    """Ids of the tickets that were merged into this one or are attached to it."""
    rows = Ticket.objects.filter(Q(merged_into=pk) | Q(parent=pk))
    return list(rows.values_list("pk", flat=True))


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
    status, changes = Status(source.status), [_points(source, target, reason)]
    told = f"Merged into ticket {target.pk}."
    if source.parent_id is not None:
        changes.append(detached(source, told))
    if CATEGORY[status] is not Category.RESOLVED:
        changes.append(moved(source, status, Status.CANCELLED, now, told))
    return changes


def _inherits(target: Ticket, children: Sequence[Ticket], reason: str) -> Sequence[Change]:
    """What becomes of tickets that were attached to the source."""
    if target.parent_id is None and not target.has_ended:
        return [attached(child, target.pk, reason) for child in children]
    return [detached(child, reason) for child in children]


def _takes_over(source: Ticket, target: Ticket, comments: int, reason: str) -> Change:
    """What the target gets, with a line in its history that says who asked there."""
    said: dict[str, list[Any]] = {"merged_from": [None, source.pk]}
    if comments:
        said["comments"] = [None, comments]
    if requester := " ".join(filter(None, (source.requester_name, source.requester_email))):
        said["also_asked_by"] = [None, requester]
    tags = [*target.tags, *(tag for tag in source.tags if tag not in target.tags)]
    return Change(target, {"tags": tags}, EventKind.MERGED, reason, beside=said)
