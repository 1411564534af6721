"""Set-based writes that Django's ORM has no quick statement for, and reading many rows lightly.

All values of all rows travel as one JSON parameter, which PostgreSQL unfolds by the table's own column types. The
ORM's `bulk_create` and `bulk_update` send every value as a parameter of its own: several times the work.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import msgspec
import psycopg
from django.db import connection, models
from django.db.models.base import ModelState
from psycopg import pq


@contextmanager
def quick_cursor(link: Any = connection) -> Iterator[Any]:
    """A cursor for many rows: the driver itself makes their datetimes, in UTC, as the connection is.

    Django's loader does the same in Python, at ten times the work.
    """
    with link.cursor() as cursor:
        oid = psycopg.adapters.types["timestamptz"].oid
        loader = psycopg.adapters.get_loader(oid, pq.Format.TEXT)
        if loader is not None:
            cursor.adapters.register_loader(oid, loader)
        yield cursor


def free_what_vanished_hosts_hold(sender: object, *, connection: Any, **_: object) -> None:
    """Let PostgreSQL notice within half a minute that this connection's host is cut off or without power.

    It would hold the locks of an open transaction for two hours. Asked for on the open connection, because poolers
    refuse it among the parameters of the start.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT set_config('tcp_keepalives_idle', '10', false),
                      set_config('tcp_keepalives_interval', '5', false),
                      set_config('tcp_keepalives_count', '3', false),
                      set_config('tcp_user_timeout', '20s', false)"""
        )


def throw_out_when_frozen(seconds: int = 15) -> None:
    """End this transaction from the server's side, with its locks, when its process stands still for so long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true)", [f"{seconds}s"]
        )


def insert_rows(
    model: type[models.Model],
    rows: Sequence[dict[str, Any]],
    *,
    computed: Mapping[str, str] | None = None,
    returning: bool = False,
) -> list[int]:
    """Insert `rows`, which all name the same columns, in one statement; return their ids in order if `returning`.

    Names are the database's columns (`category_id`). `computed` gives columns an SQL expression of ours, such as
    `now()`, which may use what the row gives. Columns that are not named get the database's default.
    """
    if not rows:
        return []
    quote = connection.ops.quote_name
    extra = computed or {}
    table, given = quote(model._meta.db_table), [quote(n) for n in rows[0] if n not in extra]
    # Where a column is JSON itself, `json` is parsed twice and `jsonb` once; elsewhere `json` has less to do.
    kind = "jsonb" if any(isinstance(value, dict) for value in rows[0].values()) else "json"
    columns = ", ".join([*given, *map(quote, extra)])
    values = ", ".join([*given, *extra.values()])
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {table} ({columns})
                SELECT {values} FROM {kind}_populate_recordset(NULL::{table}, %s::{kind})
                {"RETURNING id" if returning else ""}""",
            [as_json(rows)],
        )
        return [pk for (pk,) in cursor.fetchall()] if returning else []


def update_rows(
    model: type[models.Model],
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str],
    *,
    computed: Mapping[str, str] | None = None,
) -> int:
    """Set `columns` of many rows to different values in one statement; each row names its `id` too.

    `computed` gives columns an SQL expression of ours, in which `new` is the row given. Returns how many rows were
    updated.
    """
    if not rows:
        return 0
    table = connection.ops.quote_name(model._meta.db_table)
    quote, extra = connection.ops.quote_name, computed or {}
    assignments = ", ".join(f"{quote(n)} = {extra.get(n, f'new.{quote(n)}')}" for n in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {table} AS old SET {assignments}
                  FROM json_populate_recordset(NULL::{table}, %s::json) AS new
                 WHERE old.id = new.id""",
            [as_json(rows)],
        )
        return int(cursor.rowcount)


class LightlyRead(models.Model):
    """A model of which many rows are read at once."""

    class Meta:
        abstract = True

    @classmethod
    def from_db(  # type: ignore[override]  # the stubs are of a later Django
        cls, db: str | None, field_names: Collection[str], values: Collection[Any]
    ) -> Self:
        """Set the columns that were read and nothing else: `Model.__init__` goes through all of them, twice."""
        row = cls.__new__(cls)
        row.__dict__.update(zip(field_names, values, strict=True))
        row._state = ModelState()
        row._state.adding, row._state.db = False, db
        return row


def as_json(rows: Sequence[Any]) -> str:
    """Times keep their microseconds, which Django's encoder would cut off; ten times as quick as `json`."""
    return msgspec.json.encode(rows).decode()
