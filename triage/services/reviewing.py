"""A person looks at what triage decided: confirms it, decides otherwise, or takes that back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core import signing
from django.db import transaction

from tickets.directory import Directory
from tickets.lifecycle import CATEGORY, Status
from tickets.lifecycle import Category as StatusCategory
from tickets.models import (
    Category,
    Department,
    EventKind,
    SupportGroup,
    Ticket,
    TicketEvent,
    TriageStatus,
)
from tickets.services import Change, TicketMerged, UnknownNames, record_changes
from tickets.services.changing import lock_at, with_locks
from tickets.services.recording import LOCKABLE, readable
from triage.models import Correction, TriageDecision
from triage.services.correcting import MACHINES, correction
from workers.errors import PermanentError
from workers.sql import insert_rows

UNDO_WITHIN: Final = timedelta(minutes=15)
#: Engines whose word on a field a person confirms. The matrix and the routes follow from those fields, and a
#: default says nothing that could be confirmed.
_ENGINES: Final = frozenset({"rule", "keywords", "model", "llm"})
_CONFIRMED: Final = ("category", "impact", "urgency")
_COLUMNS: Final = (
    *("category_id", "department_id", "group_id", "impact", "urgency", "priority"),
    *("locked_fields", "triage_status"),
)
_SALT: Final = "triage.review"


class NotWaiting(PermanentError):
    """The ticket does not wait for a review: somebody decided it meanwhile, or it is closed or not yet sorted."""


class CannotUndo(PermanentError):
    """The review cannot be taken back any more."""


@dataclass(frozen=True)
class Reviewed:
    """A reviewed ticket, the fields that became different, and the token that takes the review back.

    `agreed`: nothing was decided otherwise than triage had; what changed follows from the confirmed category.
    """

    ticket: Ticket
    agreed: bool
    changed: tuple[str, ...]
    token: str
    undo_until: datetime


@transaction.atomic(durable=True)
def review_tickets(
    *,
    ids: Sequence[int],
    values: dict[str, Any],
    by: str,
    now: datetime,
    version: int | None = None,
    via: str = "review",
) -> list[Reviewed]:
    """Decide about tickets: `values` hold, and what they leave out is confirmed as triage decided it.

    A person's word from then on: those fields are locked, each is kept as a correction, and the ticket is off the
    queue. Department and group follow the category, unless a person or the sender chose them. Names may be text.

    via="review": each must be waiting for review. via="ticket": those without a decision are left out.

    :raises UnknownNames: a department, group or category does not exist.
    :raises TicketChanged: `version` is given and is no longer the ticket's.
    :raises NotWaiting: naming the first that is not waiting.
    """
    values = dict(values)
    errors = Directory().resolve(values)
    if errors:
        raise UnknownNames(errors)
    tickets = lock_at(ids, version)
    decisions = TriageDecision.objects.newest_of_tickets([ticket.pk for ticket in tickets])
    if via == "review":
        for ticket in tickets:
            _check_waiting(ticket)
    else:
        tickets = [ticket for ticket in tickets if _can_confirm(ticket, decisions)]
    before = {ticket.pk: _state(ticket) for ticket in tickets}
    rows: list[dict[str, Any]] = []
    changes: list[Change] = []
    for ticket in tickets:
        decision = decisions.get(ticket.pk)
        given = {**_confirmed(ticket, decision), **values}
        if decision:
            rows += _labels(ticket, decision, given, by=by, at=now, via=via)
        changes.append(_change(ticket, given))
    record_changes(changes, actor=by, now=now)
    insert_rows(Correction, rows)
    return [_reviewed(change, before[change.ticket.pk], by, now) for change in changes]


@transaction.atomic(durable=True)
def undo_review(*, token: str, by: str, now: datetime) -> Ticket:
    """Take a review back: the ticket is as it was before, and waits again; its corrections are labels no more.

    Only who made it may, within 15 minutes, while nobody decided about the ticket again.

    :raises CannotUndo: with the reason.
    :raises TicketMerged: another ticket goes on for it.
    """
    try:
        said = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise CannotUndo("This is no token of a review.") from None
    at = datetime.fromisoformat(said["at"])
    if said["by"] != by:
        raise CannotUndo("Only the person who made the review may take it back.")
    if now - at > UNDO_WITHIN:
        minutes = int(UNDO_WITHIN.total_seconds() // 60)
        raise CannotUndo(f"A review can be taken back for {minutes} minutes; this one is older.")
    tickets = lock_at([said["ticket"]], None)
    if not tickets:
        raise CannotUndo("The ticket is gone.")
    [ticket] = tickets
    if ticket.merged_into_id is not None:
        raise TicketMerged(ticket)
    if _state(ticket) != said["after"]:
        raise CannotUndo(f"Ticket {ticket.pk} was changed since; change it on its own page.")
    if ticket.department and ticket.department.restricted:
        # What its members have said there since would go with it, to where others read it.
        since = TicketEvent.objects.filter(ticket=ticket, at__gte=at)
        if since.exclude(actor__in=[by, *MACHINES]).exists():
            raise CannotUndo(f"{ticket.department} works on ticket {ticket.pk} already.")
    labels = Correction.objects.filter(ticket=ticket, by=by, at=at)
    if labels.filter(undone_at__isnull=False).exists():  # the same review again has another token
        raise CannotUndo("This review was taken back already.")
    labels.update(undone_at=now)
    record_changes([_restored(ticket, said["before"])], actor=by, now=now)
    return ticket


def _check_waiting(ticket: Ticket) -> None:
    if CATEGORY[Status(ticket.status)] is StatusCategory.RESOLVED:
        raise NotWaiting(f"Ticket {ticket.pk} is {ticket.status}: there is nothing to review.")
    if ticket.triage_status != TriageStatus.NEEDS_REVIEW:
        why = {
            TriageStatus.COMPLETED: "somebody decided it already",
            TriageStatus.FAILED: "its triage failed",
        }.get(TriageStatus(ticket.triage_status), "it is being triaged")
        raise NotWaiting(f"Ticket {ticket.pk} does not wait for a review: {why}.")


def _can_confirm(ticket: Ticket, decisions: dict[int, TriageDecision]) -> bool:
    triaged = ticket.triage_status in (TriageStatus.COMPLETED, TriageStatus.NEEDS_REVIEW)
    return triaged and ticket.pk in decisions


def _confirmed(ticket: Ticket, decision: TriageDecision | None) -> dict[str, Any]:
    """The ticket's values of the fields that an engine decided, and of its category in any case."""
    return {
        name: value
        for name in _CONFIRMED
        if (value := getattr(ticket, name)) is not None
        and name not in ticket.locked_fields
        and (
            name == "category" or (decision and decision.fields.get(name, {}).get("by") in _ENGINES)
        )
    }


def _labels(
    ticket: Ticket, decision: TriageDecision, given: dict[str, Any], **said: Any
) -> list[dict[str, Any]]:
    return [
        correction(decision, name, [readable(getattr(ticket, name)), readable(given[name])], **said)
        for name in LOCKABLE
        if given.get(name) is not None
    ]


def _change(ticket: Ticket, given: dict[str, Any]) -> Change:
    fields, locked = with_locks(ticket, given)
    same = [name for name in LOCKABLE if name in given and getattr(ticket, name) == given[name]]
    agrees = all(getattr(ticket, name) == value for name, value in fields.items())
    return Change(
        ticket,
        {**fields, "triage_status": TriageStatus.COMPLETED.value},
        kind=EventKind.CONFIRMED if agrees else EventKind.REVIEWED,
        silent={"locked_fields": locked},
        beside={"confirmed": [None, ", ".join(same)]} if same else {},
    )


def _reviewed(change: Change, before: dict[str, Any], by: str, now: datetime) -> Reviewed:
    ticket, agreed = change.ticket, change.kind == EventKind.CONFIRMED
    after = _state(ticket)
    said = {"ticket": ticket.pk, "by": by, "at": now.isoformat(), "before": before, "after": after}
    changed = tuple(
        name.removesuffix("_id") for name in _COLUMNS[:6] if before[name] != after[name]
    )
    token = signing.dumps(said, salt=_SALT, compress=True)
    return Reviewed(ticket, agreed, changed, token, now + UNDO_WITHIN)


def _state(ticket: Ticket) -> dict[str, Any]:
    """What a review may change, as JSON has it."""
    return {name: getattr(ticket, name) for name in _COLUMNS}


def _restored(ticket: Ticket, before: dict[str, Any]) -> Change:
    related = {"category_id": Category, "department_id": Department, "group_id": SupportGroup}
    values: dict[str, Any] = {}
    for column in _COLUMNS[:6]:
        model, value = related.get(column), before[column]
        if model is not None and value is not None:
            value = model._default_manager.filter(pk=value).first()
        values[column.removesuffix("_id")] = value
    values["triage_status"] = before["triage_status"]
    return Change(
        ticket,
        values,
        kind=EventKind.REVIEW_UNDONE,
        silent={"locked_fields": before["locked_fields"]},
    )
