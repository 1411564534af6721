"""Labels: what people and senders said about tickets, as examples to learn from and to judge by."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection

from tickets.models import Category, Ticket
from triage.classifier.features import Example
from triage.models import Correction, Field
from triage.terms import MAX_CHARACTERS

#: The newest so many are read: enough for any linear model, and a bound on memory.
MOST: Final = 50_000
_CHUNK: Final = 2_000


class Label(NamedTuple):
    """`at`: when it was said or, where the sender said it, when the ticket was opened. `known_at`: since when the
    desk has it."""

    ticket: int
    title: str
    description: str
    value: str
    at: datetime
    known_at: datetime

    def example(self) -> Example:
        """For training, which lets older ones count for less."""
        return Example(self.title, self.description, self.value, at=self.at)


def labels(
    field: Field | str, *, known_after: datetime | None = None, most: int = MOST
) -> Iterator[Label]:
    """Yield the newest labels of a field, oldest first.

    A ticket's label is the newest correction that was not undone; without one the value that a person or the
    sender locked. Values that the desk no longer has are left out. The text is the ticket's present one, as far as
    any engine reads it.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""WITH {_labelled(field)},
                newest AS (SELECT * FROM labelled ORDER BY at DESC, ticket_id DESC LIMIT %(most)s)
                SELECT t.id, t.title, left(t.description, {MAX_CHARACTERS}),
                       newest.value, newest.at, newest.known_at
                  FROM newest JOIN {Ticket._meta.db_table} t ON t.id = newest.ticket_id
                 ORDER BY newest.at, t.id""",
            _parameters(field, known_after, None) | {"most": most},
        )
        while rows := cursor.fetchmany(_CHUNK):
            yield from (Label(*row) for row in rows)


def values_of(field: Field | str, tickets: Sequence[int]) -> dict[int, str]:
    """The labels of these tickets, without their texts."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {_labelled(field, some=True)} SELECT ticket_id, value FROM labelled",
            _parameters(field, None, tickets),
        )
        return dict(cursor.fetchall())


def count_labels(field: Field | str, *, known_after: datetime | None = None) -> int:
    """How many labels of a field the desk has, or got after a moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {_labelled(field)} SELECT count(*) FROM labelled",
            _parameters(field, known_after, None),
        )
        return int(cursor.fetchone()[0])


def _parameters(
    field: Field | str, known_after: datetime | None, tickets: Sequence[int] | None
) -> dict[str, Any]:
    return {
        "field": str(field),
        "after": known_after,
        **({} if tickets is None else {"only": list(tickets)}),
    }


def _labelled(field: Field | str, *, some: bool = False) -> str:
    """The common table expressions that end in `labelled`: ticket_id, value, at, known_at.

    `some`: of given tickets only.
    """
    category = field == Field.CATEGORY
    own = "category.slug" if category else f"t.{Field(field).value}::text"
    join = f"JOIN {Category._meta.db_table} category ON category.id = t.category_id"
    exists = (
        f"SELECT slug FROM {Category._meta.db_table}" if category else "VALUES ('1'), ('2'), ('3')"
    )
    return f"""
        said AS (
            SELECT DISTINCT ON (ticket_id) ticket_id, value, at
              FROM {Correction._meta.db_table}
             WHERE field = %(field)s AND undone_at IS NULL
               {"AND ticket_id = ANY(%(only)s)" if some else ""}
             ORDER BY ticket_id, at DESC, id DESC),
        locked AS (
            SELECT t.id AS ticket_id, {own} AS value, t.opened_at AS at, t.created_at AS known_at
              FROM {Ticket._meta.db_table} t {join if category else ""}
             WHERE %(field)s = ANY(t.locked_fields)
               {"AND t.id = ANY(%(only)s)" if some else ""}
               AND NOT EXISTS (SELECT 1 FROM said WHERE said.ticket_id = t.id)),
        labelled AS (
            SELECT * FROM (SELECT ticket_id, value, at, at AS known_at FROM said
                           UNION ALL SELECT * FROM locked) every_one
             WHERE value IN ({exists})
               AND (%(after)s::timestamptz IS NULL OR known_at > %(after)s))"""
