"""New tickets and search entries, in one statement each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from tickets.models import SEARCH_CONFIG, Comment, EventKind, Ticket, TicketEvent, TicketSearch
from workers.sql import as_json

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
