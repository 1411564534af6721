"""Rows of tickets: how they are locked, and what a change of one looks like before it is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from tickets.models import EventKind, Ticket
from workers.errors import Gone
from workers.sql import quick_cursor


class TicketGone(Gone):
    """The ticket was deleted meanwhile."""


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


def lock(ids: Iterable[int]) -> list[Ticket]:
    """Read and lock tickets in the order of their ids, so that two callers never wait for each other."""
    tickets = Ticket.objects.filter(pk__in=ids).with_names()
    return list(tickets.order_by("pk").select_for_update(of=("self",), no_key=True))


def lock_one(pk: int) -> Ticket:
    """:raises TicketGone: somebody deleted it meanwhile."""
    return _only(lock([pk]), pk)


def lock_family(pk: int) -> Ticket:
    """Like `lock_one`, with the tickets that are attached to it locked, too."""
    return _only(lock_families([pk]), pk)


def _only(found: Sequence[Ticket], pk: int) -> Ticket:
    if not found:
        raise TicketGone(f"Ticket {pk} was deleted.")
    return found[0]


def lock_families(ids: Sequence[int]) -> list[Ticket]:
    """Like `lock`, with the tickets that are attached to these locked among them; return these."""
    children = Ticket.objects.filter(parent__in=ids).values_list("pk", flat=True)
    asked_for = set(ids)
    return [ticket for ticket in lock({*ids, *children}) if ticket.pk in asked_for]


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
