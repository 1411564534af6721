"""Parents and the tickets attached to them: what happens to one happens to the others (docs/storms.md).

One level: a parent has no parent. While a ticket is attached nobody looks at its clocks; so the parent of one that
has not ended has not ended either.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tickets.lifecycle import LIVE, Status
from tickets.models import EventKind, Ticket
from tickets.services.rows import Change, lock


def attached(child: Ticket, parent: int, reason: str) -> Change:
    return _pointing(child, parent, EventKind.ATTACHED, reason)


def detached(child: Ticket, reason: str) -> Change:
    return _pointing(child, None, EventKind.DETACHED, reason)


def _pointing(child: Ticket, parent: int | None, kind: EventKind, reason: str) -> Change:
    went = {"parent": [child.parent_id, parent]}
    return Change(child, {}, kind, reason, silent={"parent_id": parent}, beside=went)


def consequences(changes: Sequence[Change], now: datetime) -> list[Change]:
    """What `changes`, which are not made yet, mean for the children of their tickets.

    A parent that is resolved resolves them, one that is cancelled lets them go; taking it up and answering on it
    count for them. A child that comes back after its parent has ended goes on alone.
    """
    own = {change.ticket.id: change for change in changes}
    news = {
        change.ticket.id: change
        for change in changes
        if "status" in change.values or _answers(change)
    }
    if not news:
        return []
    ids = list(Ticket.objects.filter(parent__in=list(news)).values_list("pk", flat=True))
    children = (
        [own[child.pk].ticket if child.pk in own else child for child in lock(ids)] if ids else []
    )
    return [
        *(
            change
            for child in children
            for change in _followed(child, news, own.get(child.pk), now)
        ),
        *_alone([change.ticket for change in news.values() if _comes_back(change)]),
    ]


def _answers(change: Change) -> bool:
    """Whether an agent speaks to the requester."""
    said = change.beside
    public = said.get("public", [None, False])[1]
    return change.kind == EventKind.COMMENTED and public and "from_requester" not in said


def _comes_back(change: Change) -> bool:
    return change.ticket.has_ended and change.values.get("status") in LIVE


def _followed(
    child: Ticket, news: Mapping[int, Change], own: Change | None, now: datetime
) -> list[Change]:
    """What happens to `child`, unless its `own` change in the same breath says otherwise."""
    number = child.parent_id
    if number is None or number not in news:  # it went elsewhere while we waited for its lock
        return []
    said = news[number]
    new = said.values.get("status")
    if new == Status.CANCELLED:
        moves = own is not None and "parent_id" in own.silent
        return [] if moves else [detached(child, f"Ticket {number} was cancelled.")]
    if child.has_ended or (own is not None and "status" in own.values):
        return []
    if new in (Status.RESOLVED, Status.CLOSED):
        reason = f"Resolved with ticket {number}."
        values = {"status": Status.RESOLVED}
        return [Change(child, values, EventKind.MOVED, reason, silent={"resolved_at": now})]
    if new not in (None, Status.IN_PROGRESS):
        return []
    what = "answered_on" if new is None else "taken_up_on"
    first = {} if child.first_response_at else {"first_response_at": now}
    return [Change(child, {}, EventKind.FOLLOWED, silent=first, beside={what: [None, number]})]


def _alone(back: Sequence[Ticket]) -> list[Change]:
    parents = {t.parent_id for t in back if t.parent_id is not None} - {t.id for t in back}
    if not parents:
        return []
    alive = {t.pk for t in Ticket.objects.filter(pk__in=parents) if not t.has_ended}
    return [
        detached(ticket, f"Ticket {ticket.parent_id} has ended.")
        for ticket in {ticket.id: ticket for ticket in back}.values()
        if ticket.parent_id in parents - alive
    ]
