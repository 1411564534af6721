"""How old the figures are, and one view of them for all the questions of an answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from analytics.models import ChangedTicket, RollupState
from workers.replica import reader


@contextmanager
def one_view() -> Iterator[None]:
    """All that is read inside is of the same moment. In a transaction that is open already: as that reads."""
    link = reader()
    if link.in_atomic_block:
        yield
        return
    with transaction.atomic(using=link.alias):
        with link.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Medians sort what happened in the period: in memory, and without compiling for it.
            cursor.execute("SET LOCAL work_mem = '32MB'; SET LOCAL jit = off")
        yield


def freshness() -> dict[str, Any]:
    """`as_of`: all that was committed before is counted (None: never counted yet), and how many seconds ago that
    is, by the database's clock."""
    with reader().cursor() as cursor:
        cursor.execute(
            f"""SELECT as_of, extract(epoch FROM clock_timestamp() - as_of)::float8
                  FROM {RollupState._meta.db_table} WHERE id = 1"""
        )
        as_of, age = cursor.fetchone() or (None, None)
    return {"as_of": as_of, "age_seconds": None if age is None else round(max(age, 0.0), 1)}


def oldest_note_age() -> float:
    """For how many seconds the oldest change has waited to be counted, also while nothing has an age yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT extract(epoch FROM clock_timestamp() - noted_at)::float8
                  FROM {ChangedTicket._meta.db_table} ORDER BY id LIMIT 1"""
        )
        [age] = cursor.fetchone() or (0.0,)
    return max(age, 0.0)


def fresh_at(now: datetime) -> dict[str, Any]:
    """The same for what is counted in the tickets themselves."""
    return {"as_of": now, "age_seconds": 0.0}
