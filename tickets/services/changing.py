"""Changes that people make: fields, moves along the lifecycle, routing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from tickets.directory import Directory
from tickets.intake import Errors
from tickets.lifecycle import MOVES, Status, can_move
from tickets.models import EventKind, Ticket
from tickets.services.families import detached
from tickets.services.recording import LOCKABLE, Change, lock, lock_families, record_changes
from workers.errors import PermanentError


class IllegalMove(PermanentError):
    """The lifecycle does not allow this move."""

    def __init__(self, message: str, allowed: Sequence[Status]) -> None:
        super().__init__(message)
        self.details = {"allowed": [status.value for status in allowed]}


class TicketMerged(PermanentError):
    """Another ticket goes on for this one."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(
            f"Ticket {ticket.pk} was merged into ticket {ticket.merged_into_id}: go on there."
        )
        self.details = {"merged_into": ticket.merged_into_id}


class TicketChanged(PermanentError):
    """Somebody changed the ticket since it was read."""


class UnknownNames(PermanentError):
    """A department, group, category or person was named that does not exist."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("Unknown names.")
        self.errors = errors


def check_move(ticket: Ticket, old: Status, new: Status, now: datetime) -> None:
    """Raise `IllegalMove`, naming the allowed moves, unless `ticket` may go from `old` to `new`.

    :raises TicketMerged: another ticket goes on for this one, which stays where it is.
    """
    if ticket.merged_into_id is not None:
        raise TicketMerged(ticket)
    allowed = allowed_moves(ticket, old, now)
    if can_move(old, new) and new in allowed:
        return
    if can_move(old, new):
        raise IllegalMove(
            f"Ticket {ticket.pk} was closed more than {settings.REOPEN_DAYS} days ago and stays closed.",
            allowed,
        )
    names = ", ".join(allowed) or "nothing"
    raise IllegalMove(f"Ticket {ticket.pk} is {old}; from there it can become: {names}.", allowed)


def allowed_moves(ticket: Ticket, old: Status, now: datetime) -> list[Status]:
    """Where `ticket` may go from `old`."""
    return [move for move in MOVES[old] if not _too_late(ticket, old, now)]


def _too_late(ticket: Ticket, old: Status, now: datetime) -> bool:
    limit = timedelta(days=settings.REOPEN_DAYS)
    return old is Status.CLOSED and ticket.closed_at is not None and now - ticket.closed_at > limit


def moved(ticket: Ticket, old: Status, new: Status, now: datetime, reason: str = "") -> Change:
    """The change that one move makes, with the times that follow from it."""
    silent: dict[str, Any] = {}
    if new is Status.RESOLVED:
        silent["resolved_at"] = now
    elif new is Status.CLOSED:
        silent["closed_at"] = now
    elif old in (Status.RESOLVED, Status.CLOSED, Status.CANCELLED):
        silent |= {"resolved_at": None, "closed_at": None}
    if new is Status.IN_PROGRESS and ticket.first_response_at is None:
        silent["first_response_at"] = now
    return Change(ticket, {"status": new}, kind=EventKind.MOVED, reason=reason, silent=silent)


@transaction.atomic
def move_tickets(
    *,
    ids: Sequence[int],
    status: Status,
    actor: str,
    now: datetime,
    version: int | None = None,
    reason: str = "",
) -> list[Ticket]:
    """Move tickets to `status`: all of them or, if one may not go there, none. Those already there stay.
    Joins a transaction that is open already.

    Those that are attached to them follow.

    :raises IllegalMove: naming the first ticket that cannot move and where it could go.
    :raises TicketChanged: `version` is given and is no longer the ticket's.
    """
    tickets = at_version(lock_families(ids), version)
    changes = []
    for ticket in tickets:
        old = Status(ticket.status)
        if old is not status:
            check_move(ticket, old, status, now)
            changes.append(moved(ticket, old, status, now, reason))
    record_changes(changes, actor=actor, now=now)
    return tickets


@transaction.atomic  # the admin's form saves inside a transaction of its own
def change_tickets(
    *,
    ids: Sequence[int],
    values: dict[str, Any],
    actor: str,
    now: datetime,
    version: int | None = None,
    reason: str = "",
    kind: EventKind = EventKind.UPDATED,
) -> list[Ticket]:
    """Give the same new `values` to tickets. What triage would decide is locked from then on; clearing it (None)
    hands it back. Names of departments, groups, categories and people may be given as text.

    :raises UnknownNames: one of those does not exist.
    :raises TicketChanged: `version` is given and is no longer the ticket's.
    :raises TicketMerged: another ticket goes on for one of them.
    """
    values = dict(values)
    errors = Directory().resolve(values)
    if errors:
        raise UnknownNames(errors)
    tickets = lock_at(ids, version)
    for ticket in tickets:
        if ticket.merged_into_id is not None:
            raise TicketMerged(ticket)
    changes = [
        Change(ticket, fields, kind=kind, reason=reason, silent={"locked_fields": locked})
        for ticket in tickets
        for fields, locked in [with_locks(ticket, values)]
    ]
    record_changes(changes, actor=actor, now=now)
    return tickets


def route_tickets(
    *,
    ids: Sequence[int],
    department: str,
    group: str | None,
    confidence: float,
    actor: str,
    now: datetime,
    reason: str = "",
) -> list[Ticket]:
    """Send tickets to a department by hand. Without a group, an old one of another department is dropped."""
    values: dict[str, Any] = {"department": department, "confidence": confidence}
    if group is not None:
        values["group"] = group
    return change_tickets(
        ids=ids, values=values, actor=actor, now=now, reason=reason, kind=EventKind.ROUTED
    )


@transaction.atomic(durable=True)
def release_locks(*, ids: Sequence[int], actor: str, now: datetime) -> list[Ticket]:
    """Hand every field that a person or the sender decided back to triage, and ask it to decide."""
    tickets = lock(ids)
    changes = [
        Change(ticket, {"locked_fields": []}, reason="Handed back to triage.") for ticket in tickets
    ]
    record_changes(changes, actor=actor, now=now)
    return tickets


@transaction.atomic
def delete_tickets(*, ids: Sequence[int], actor: str, now: datetime) -> int:
    """Remove tickets with everything that belongs to them. Those attached to them go on alone.

    Returns how many there were.
    """
    lock_families(ids)  # whoever works on one of them ends first, and what they write goes, too
    children = Ticket.objects.filter(parent__in=ids).exclude(pk__in=ids)
    left = [
        detached(child, f"Ticket {child.parent_id} was deleted.")
        for child in lock(children.values_list("pk", flat=True))
    ]
    record_changes(left, actor=actor, now=now)
    _, rows = Ticket.objects.filter(pk__in=ids).delete()
    return rows.get(Ticket._meta.label, 0)


def lock_at(ids: Sequence[int], version: int | None) -> list[Ticket]:
    """Read and lock tickets.

    :raises TicketChanged: `version` is given and is no longer theirs.
    """
    return at_version(lock(ids), version)


def at_version(tickets: list[Ticket], version: int | None) -> list[Ticket]:
    """Return `tickets`, which the caller has locked.

    :raises TicketChanged: `version` is given and is no longer theirs.
    """
    for ticket in tickets:
        if version is not None and ticket.version != version:
            raise TicketChanged(
                f"Ticket {ticket.pk} was changed meanwhile: it is at version {ticket.version}, not {version}."
            )
    return tickets


def with_locks(ticket: Ticket, values: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The columns that `values` change on this ticket, and which of its fields are a person's from then on."""
    fields = dict(values)
    wish = fields.pop("priority_locked", None)
    department = fields.get("department")
    moves = department is not None and ticket.group and ticket.group.department_id != department.pk
    if moves and "group" not in fields:
        fields["group"] = None
    locked = set(ticket.locked_fields)
    for name in LOCKABLE:
        if name in values:
            (locked.discard if values[name] is None else locked.add)(name)
    if wish is not None:
        (locked.add if wish else locked.discard)("priority")
    return fields, sorted(locked)
