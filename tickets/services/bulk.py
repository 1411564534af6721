"""The same change to many tickets, where each succeeds or is refused alone. A few statements for all of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from tickets.directory import Directory
from tickets.intake import TAGS_MAX
from tickets.lifecycle import Status
from tickets.models import Comment, EventKind, Ticket
from tickets.services.changing import (
    TicketMerged,
    UnknownNames,
    check_move,
    moved,
    with_locks,
)
from tickets.services.recording import Change, TicketGone, lock, lock_families, record_changes
from workers.errors import PermanentError


class Done(NamedTuple):
    """The ticket as it is now, and whether anything about it had to be changed."""

    ticket: Ticket
    changed: bool


#: Ticket id -> what was done to it, or why it was left alone.
Outcomes = dict[int, Done | PermanentError]


class TooManyTags(PermanentError):
    """A ticket would have more tags than one may have."""


@transaction.atomic
def move_each(
    *, ids: Sequence[int], status: Status, actor: str, now: datetime, reason: str = ""
) -> Outcomes:
    """Move each ticket to `status` that may go there; those already there stay. What is attached follows."""

    def change(ticket: Ticket) -> Change | None:
        old = Status(ticket.status)
        if old is status:
            return None
        check_move(ticket, old, status, now)
        return moved(ticket, old, status, now, reason)

    return _each(ids, lock_families(ids), change, actor, now)


@transaction.atomic
def change_each(
    *,
    ids: Sequence[int],
    values: dict[str, Any],
    actor: str,
    now: datetime,
    reason: str = "",
    kind: EventKind = EventKind.UPDATED,
) -> Outcomes:
    """Give each ticket the same new `values`, as `change_tickets` does. Names may be given as text.

    :raises UnknownNames: one of them does not exist: nothing is changed.
    """
    values = dict(values)
    if errors := Directory().resolve(values):
        raise UnknownNames(errors)

    def change(ticket: Ticket) -> Change:
        _check_goes_on(ticket)
        fields, locked = with_locks(ticket, values)
        return Change(ticket, fields, kind=kind, reason=reason, silent={"locked_fields": locked})

    return _each(ids, lock(ids), change, actor, now)


@transaction.atomic
def tag_each(
    *,
    ids: Sequence[int],
    actor: str,
    now: datetime,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> Outcomes:
    """Add tags to each ticket, behind its own, and take others away."""

    def change(ticket: Ticket) -> Change:
        _check_goes_on(ticket)
        left = [tag for tag in ticket.tags if tag not in remove]
        tags = [*left, *(tag for tag in add if tag not in left)]
        if add and len(tags) > TAGS_MAX:
            raise TooManyTags(f"Ticket {ticket.pk} would have more than {TAGS_MAX} tags.")
        return Change(ticket, {"tags": tags})

    return _each(ids, lock(ids), change, actor, now)


@transaction.atomic
def comment_on_each(
    *, ids: Sequence[int], body: str, public: bool, actor: str, now: datetime
) -> Outcomes:
    """Add the same comment to each ticket, as `comment_on` does for one."""
    tickets = lock_families(ids)
    good = [ticket for ticket in tickets if ticket.merged_into_id is None]
    made = Comment.objects.bulk_create(
        Comment(ticket=ticket, body=body, public=public, author=actor, created_at=now)
        for ticket in good
    )
    numbers = {comment.ticket_id: comment.pk for comment in made}

    def change(ticket: Ticket) -> Change:
        _check_goes_on(ticket)
        said: dict[str, list[Any]] = {
            "comment": [None, numbers[ticket.pk]],
            "public": [None, public],
        }
        answers = public and ticket.first_response_at is None
        first = {"first_response_at": now} if answers else {}
        return Change(ticket, {}, kind=EventKind.COMMENTED, silent=first, beside=said)

    return _each(ids, tickets, change, actor, now)


def _each(
    ids: Sequence[int],
    tickets: Sequence[Ticket],
    change: Callable[[Ticket], Change | None],
    actor: str,
    now: datetime,
) -> Outcomes:
    """Record what `change` says about each of `tickets`, which are locked; its errors refuse one alone."""
    outcomes: Outcomes = {pk: TicketGone(f"There is no ticket {pk}.") for pk in ids}
    changes, good = [], []
    for ticket in tickets:
        try:
            wanted = change(ticket)
        except PermanentError as error:
            outcomes[ticket.pk] = error
        else:
            good.append((ticket, ticket.version))
            changes += [wanted] if wanted else []
    record_changes(changes, actor=actor, now=now)
    return outcomes | {t.pk: Done(t, t.version != version) for t, version in good}


def _check_goes_on(ticket: Ticket) -> None:
    if ticket.merged_into_id is not None:
        raise TicketMerged(ticket)
