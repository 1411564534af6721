"""The one way in which a ticket's row changes: columns, event, search entry and announcement together.

What happens to a ticket happens to those that are attached to it, too: `families` says what.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from django.db import models

from tickets.models import EventKind, Ticket, TicketEvent
from tickets.services.families import consequences
from tickets.services.rows import (
    Change,
    TicketGone,
    lock,
    lock_columns,
    lock_families,
    lock_family,
    lock_free,
    lock_one,
)
from tickets.services.storing import index_for_search
from tickets.signals import tickets_changed
from workers.context import current_request_id
from workers.sql import insert_rows, update_rows

__all__ = [
    "KEPT_BY_SLA",
    "LOCKABLE",
    "Change",
    "NewEvent",
    "TicketGone",
    "keep_sla",
    "lock",
    "lock_columns",
    "lock_families",
    "lock_family",
    "lock_free",
    "lock_one",
    "readable",
    "record_changes",
]

_SEARCHED: Final = {"title", "description", "comment"}
LOCKABLE: Final = ("category", "impact", "urgency", "priority", "department", "group")
_RELATED: Final[dict[str, Any]] = {
    name: Ticket._meta.get_field(name) for name in ("category", "department", "group", "assignee")
}
_WRITTEN: Final = (
    *(
        "title",
        "description",
        "requester_name",
        "requester_email",
        "customer_tier",
        "tags",
        "server",
    ),
    *("status", "impact", "urgency", "priority", "category_id", "department_id", "group_id"),
    *(
        "assignee_id",
        "locked_fields",
        "triage_status",
        "confidence",
        "opened_at",
        "first_response_at",
    ),
    *("resolved_at", "closed_at", "updated_at", "source_updated_at", "version"),
    *("due_at", "warn_at", "sla_breached", "escalation_level", "merged_into_id", "parent_id"),
)
#: Columns that receivers of `tickets_changed` may set.
KEPT_BY_SLA: Final = ("due_at", "warn_at", "sla_breached", "escalation_level")
_kept = attrgetter(*KEPT_BY_SLA)


class NewEvent(NamedTuple):
    """A line for the history, as `TicketEvent` keeps it, before it is written."""

    ticket: Ticket
    kind: EventKind
    changes: dict[str, Any]
    actor: str
    reason: str
    request_id: str
    at: datetime


def record_changes(changes: Sequence[Change], *, actor: str, now: datetime) -> list[NewEvent]:
    """Write `changes` in the caller's transaction: one UPDATE, one INSERT of events, one announcement.

    Values equal to the present ones are dropped; a ticket without any difference gets no event. Two changes of one
    ticket are two events in their order. What follows for the families of their tickets is written with them.
    """
    changes = [*changes, *consequences(changes, now)]
    touched: dict[int, Ticket] = {}
    columns: set[str] = {"updated_at", "version"}
    events: list[NewEvent] = []
    for change in changes:
        differences, changed = _apply(change, columns)
        if differences:
            events.append(
                NewEvent(
                    change.ticket,
                    change.kind,
                    differences,
                    actor,
                    change.reason,
                    change.request_id or current_request_id(),
                    now,
                )
            )
        if changed:
            touched[change.ticket.id] = change.ticket
    for ticket in touched.values():
        ticket.updated_at = now
        ticket.version += 1
    insert_events(events)
    if events:
        columns.update(_announce(events))
    written = ["id", *(name for name in _WRITTEN if name in columns)]
    values_of = attrgetter(*written)
    rows = [dict(zip(written, values_of(t), strict=True)) for t in touched.values()]
    update_rows(Ticket, rows, written[1:])
    index_for_search([e.ticket.id for e in events if e.changes.keys() & _SEARCHED])
    return events


def _announce(events: list[NewEvent]) -> tuple[str, ...]:
    """Tell the receivers, and return the columns that they set."""
    tickets = list({e.ticket.id: e.ticket for e in events}.values())
    before = [_kept(ticket) for ticket in tickets]
    tickets_changed.send(Ticket, tickets=tickets, events=events)
    return KEPT_BY_SLA if before != [_kept(ticket) for ticket in tickets] else ()


def _apply(change: Change, columns: set[str]) -> tuple[dict[str, list[Any]], bool]:
    """Set what differs on the ticket; return {field: [old, new]} for the history and whether anything differed."""
    ticket, differences, changed = change.ticket, dict(change.beside), False
    for name, new in change.values.items():
        related = _RELATED.get(name)
        column = related.attname if related else name
        value = new.pk if related and new is not None else new
        before = getattr(ticket, column)
        if before != value:
            # A related row is only looked up when there is one, and put in its place without Django's checks.
            old = getattr(ticket, name) if related and before is not None else before
            differences[name] = [readable(old), readable(new)]
            ticket.__dict__[column] = value
            if related:
                related.set_cached_value(ticket, new)
            columns.add(column)
    for column, value in change.silent.items():
        if getattr(ticket, column) != value:
            setattr(ticket, column, value)
            columns.add(column)
            changed = True
    return differences, changed or bool(differences)


def keep_sla(tickets: Sequence[Ticket]) -> None:
    """Write what `sla` keeps on tickets, whose locks the caller holds, when nothing happened to them but that."""
    rows = [{"id": t.pk, **{name: getattr(t, name) for name in KEPT_BY_SLA}} for t in tickets]
    update_rows(Ticket, rows, KEPT_BY_SLA)


def readable(value: Any) -> Any:
    """A value as the history shows it."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, models.Model):
        return getattr(value, "slug", None) or str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) > 500:
        return value[:500] + "…"
    return value


def insert_events(events: Iterable[NewEvent]) -> None:
    columns = ("ticket_id", *NewEvent._fields[1:])
    rows = [dict(zip(columns, (e.ticket.id, *e[1:]), strict=True)) for e in events]
    insert_rows(TicketEvent, rows)
