"""Tickets counted by several columns at once, in one statement that may be given little time."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from tickets.models import Ticket

#: Stands for a tag among names of columns, as a column's name cannot.
TAG: Final = "tag"
#: Stands for all tickets, whatever their columns hold.
ALL: Final = ""
_TAGS: Final = -1


class Line(NamedTuple):
    """So many `tickets` hold `value` in the column `name`; `missed` is what their annotation of this name says."""

    name: str
    value: str
    missed: int
    tickets: int


def count_newest(
    parts: Sequence[Any], columns: Sequence[str], *, most: int, tags: int = 0
) -> list[Line]:
    """Count the newest `most` tickets of `parts`, of which none may hold another's, in one statement. Of the tags
    the `tags` most frequent are told. No value is "".

    Each part is read in the order of an index, and no further than the newest of all parts need.
    """
    fields = ["pk", "opened_at", "tags", "missed", *columns]
    given: list[Any] = []
    selects = []
    for part in parts:
        wanted = part.order_by("-opened_at", "-id").values_list(*fields)[:most]
        sql, values = wanted.query.sql_with_params()
        selects.append(f"({sql})")
        given += values
    named = ", ".join(fields)
    sets = ", ".join(["(missed)", *(f"(missed, {column})" for column in columns)])
    told = ", ".join(f"{column}::text" for column in columns)
    statement = f"""WITH chosen AS MATERIALIZED (
            SELECT * FROM ({" UNION ALL ".join(selects)}) AS parts ({named})
             ORDER BY opened_at DESC, pk DESC LIMIT {most})
        SELECT {f"GROUPING({', '.join(columns)})" if columns else 0}, missed, count(*), ARRAY[{told}]::text[]
          FROM chosen GROUP BY GROUPING SETS ({sets})"""
    if tags:
        statement += f""" UNION ALL
            (SELECT {_TAGS}, missed, count(*), ARRAY[tag] FROM chosen, unnest(tags) AS tag
              WHERE tags <> '{{}}' AND missed = 0 GROUP BY missed, tag ORDER BY count(*) DESC, tag LIMIT {tags})"""
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return [_line(columns, *row) for row in cursor.fetchall()]


def _line(
    columns: Sequence[str], grouping: int, missed: int, count: int, values: Sequence[str | None]
) -> Line:
    everything = 2 ** len(columns) - 1
    if grouping == everything:  # a bit is set for each column that is not told apart
        return Line(ALL, "", missed, count)
    if grouping == _TAGS:
        return Line(TAG, values[0] or "", missed, count)
    place = len(columns) - (everything - grouping).bit_length()
    return Line(columns[place], values[place] or "", missed, count)


def in_time(until: float, work: Callable[[], Any]) -> Any:
    """What `work` answers; None when the database had not done it by `until`, of the monotonic clock."""
    left = int((until - time.monotonic()) * 1000)
    if left <= 0:
        return None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(left)])
            answer = work()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return answer
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            return None
        raise


def opened_before_the_newest(count: int) -> datetime | None:
    """When the newest ticket was opened that is not among the newest `count`; None: there are no more."""
    newest = Ticket.objects.order_by("-opened_at", "-id").values_list("opened_at", flat=True)
    return newest[count : count + 1].first()
