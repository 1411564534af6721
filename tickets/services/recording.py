"""The one way in which a ticket's row changes: columns, event, search entry and announcement together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from django.db import connection, models

from tickets.models import SEARCH_CONFIG, Comment, EventKind, Ticket, TicketEvent, TicketSearch
from tickets.signals import tickets_changed
from workers.context import current_request_id
from workers.sql import as_json, insert_rows, quick_cursor, update_rows

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
    *("due_at", "warn_at", "sla_breached", "escalation_level", "merged_into_id"),
)
#: Columns that receivers of `tickets_changed` may set.
KEPT_BY_SLA: Final = ("due_at", "warn_at", "sla_breached", "escalation_level")
_kept = attrgetter(*KEPT_BY_SLA)


@dataclass
class Change:
    """New values for one ticket, whose row the caller has locked, and what its history shall say."""

    ticket: Ticket
    values: dict[str, Any]
    kind: EventKind = EventKind.UPDATED
    reason: str = ""
    #: Columns that follow from the values and need no line in the history.
    silent: dict[str, Any] = field(default_factory=dict)
    #: What happened beside the columns, as the history shows it: a comment.
    beside: dict[str, list[Any]] = field(default_factory=dict)
    request_id: str = ""


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
    ticket are two events in their order.
    """
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


def lock(ids: Iterable[int]) -> list[Ticket]:
    """Read and lock tickets in the order of their ids, so that two callers never wait for each other."""
    tickets = Ticket.objects.filter(pk__in=ids).with_names()
    return list(tickets.order_by("pk").select_for_update(of=("self",), no_key=True))


def lock_free(ids: Iterable[int]) -> list[Ticket]:
    """Like `lock`, but leave out tickets that somebody else holds: never wait."""
    tickets = Ticket.objects.filter(pk__in=ids).with_names()
    return list(
        tickets.order_by("pk").select_for_update(of=("self",), no_key=True, skip_locked=True)
    )


def lock_columns(ids: Sequence[int], columns: Sequence[str]) -> list[Ticket]:
    """Like `lock`, for those who need a few columns of many tickets: half the work."""
    names = ("id", *columns)
    with quick_cursor() as cursor:
        cursor.execute(
            f"""SELECT {", ".join(names)} FROM {Ticket._meta.db_table}
                 WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE""",
            [list(ids)],
        )
        database = connection.alias
        return [Ticket.from_db(database, names, row) for row in cursor.fetchall()]


_WEIGHED: Final = "setweight(to_tsvector(%(config)s, {}), '{}')".format


def insert_opened(
    rows: Sequence[dict[str, Any]], *, actor: str, request_id: str, now: datetime
) -> list[int]:
    """Insert new tickets with the first line of their histories and their search entries, in one statement.

    `rows` name all columns but the id. Returns the new ids in order.
    """
    table, columns = Ticket._meta.db_table, ", ".join(f'"{name}"' for name in rows[0])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH opened AS (
                INSERT INTO {table} ({columns})
                SELECT {columns} FROM json_populate_recordset(NULL::{table}, %(rows)s::json)
                RETURNING id, title, description, status
            ), told AS (
                INSERT INTO {TicketEvent._meta.db_table} (ticket_id, kind, changes, actor, reason, request_id, at)
                SELECT id, '{EventKind.OPENED}', jsonb_build_object('status', jsonb_build_array(NULL, status)),
                       %(actor)s, '', %(request_id)s, %(now)s FROM opened
            ), found AS (
                INSERT INTO {TicketSearch._meta.db_table} (ticket_id, vector)
                SELECT id, {_WEIGHED("title", "A")} || {_WEIGHED("description", "B")} FROM opened
            )
            SELECT id FROM opened
            """,
            {
                "rows": as_json(rows),
                "config": SEARCH_CONFIG,
                "actor": actor,
                "request_id": request_id,
                "now": now,
            },
        )
        return [pk for (pk,) in cursor.fetchall()]


def index_for_search(ids: Sequence[int]) -> None:
    """Write the search entries of these tickets from their title, description and comments."""
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {TicketSearch._meta.db_table} (ticket_id, vector)
            SELECT t.id, {_WEIGHED("t.title", "A")} || {_WEIGHED("t.description", "B")}
                         || {_WEIGHED("coalesce(c.bodies, '')", "C")}
              FROM {Ticket._meta.db_table} t
              LEFT JOIN LATERAL (SELECT string_agg(left(body, 20000), ' ') AS bodies
                                   FROM (SELECT body FROM {Comment._meta.db_table}
                                          WHERE ticket_id = t.id ORDER BY id DESC LIMIT 20) newest) c ON true
             WHERE t.id = ANY(%(ids)s)
            ON CONFLICT (ticket_id) DO UPDATE SET vector = excluded.vector
            """,
            {"config": SEARCH_CONFIG, "ids": list(ids)},
        )
