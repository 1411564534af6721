"""How clocks and their ledgers are read and written: many at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection

from sla.deadline import Entry, Kind
from sla.models import ClockEvent, ClockKind, ClockState, SlaClock
from workers.clock import present, sql_present
from workers.sql import as_json, insert_rows, quick_cursor, update_rows

#: What changes in the life of a clock.
_MOVING: Final = (
    *("version_id", "state", "target", "running_since", "counted", "due_at", "breached_at"),
    *("stopped_at", "level", "acknowledged_until", "acknowledged_by", "next_check_at"),
)
#: Of these, what another target changes on a running clock.
_RETARGETED: Final = ("version_id", "target", "counted", "due_at", "breached_at", "next_check_at")
_FIXED: Final = ("ticket_id", "metric", "cycle", "started_at")
_READ: Final = ("id", *_FIXED, *_MOVING)


class Entered(NamedTuple):
    """A line for the ledger of `clock`, before it is written."""

    clock: SlaClock
    kind: ClockKind
    at: datetime
    actor: str
    details: dict[str, Any]


def _not_in_the_past(row: str = "") -> str:
    """A clock that changes such that something was due an hour ago is due now: nobody was late."""
    at = f"{row}next_check_at"
    return f"CASE WHEN {at} IS NOT NULL THEN greatest({at}, {sql_present()}) END"


def row_of(clock: SlaClock) -> dict[str, Any]:
    """A new clock as a row; `ticket_id` may be set later."""
    return {name: clock.__dict__[name] for name in (*_FIXED, *_MOVING)}


def read_clocks(ticket_ids: Sequence[int]) -> dict[int, list[SlaClock]]:
    """All clocks of these tickets, whose locks the caller holds, by ticket, oldest first."""
    found: dict[int, list[SlaClock]] = defaultdict(list)
    with quick_cursor() as cursor:
        cursor.execute(
            f"""SELECT {", ".join(_READ)} FROM {SlaClock._meta.db_table}
                 WHERE ticket_id = ANY(%s) ORDER BY id""",
            [list(ticket_ids)],
        )
        database = connection.alias  # looked up once: it is a thread's own
        for row in cursor.fetchall():
            clock = SlaClock.from_db(database, _READ, row)
            found[clock.ticket_id].append(clock)
    return found


def read_due(limit: int, only: Sequence[int] | None) -> tuple[datetime, list[SlaClock]]:
    """Lock up to `limit` clocks that are due and that nobody holds, of `only` when given; return the time, too."""
    now = sql_present()
    with quick_cursor() as cursor:
        cursor.execute(
            f"""SELECT {now}, {", ".join(_READ)} FROM {SlaClock._meta.db_table}
                 WHERE next_check_at <= {now} {"AND id = ANY(%(only)s)" if only else ""}
                 ORDER BY next_check_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED""",
            {"limit": limit, "only": list(only or ())},
        )
        rows = cursor.fetchall()
    clocks = [SlaClock.from_db(connection.alias, _READ, row[1:]) for row in rows]
    return (rows[0][0] if rows else present()), clocks


def write_clocks(
    clocks: Iterable[SlaClock], entered: Sequence[Entered], *, checked: bool = False
) -> None:
    """Write changed and new clocks, each once, and their ledgers' new lines.

    `checked`: they may have reached levels, of which the ledger says nothing.
    """
    distinct = list({id(clock): clock for clock in clocks}.values())
    old = [clock for clock in distinct if clock.id is not None]
    new = [clock for clock in distinct if clock.id is None]
    lightly = not checked and all(entry.kind == ClockKind.RETARGET for entry in entered)
    names = _RETARGETED if lightly else _MOVING
    update_rows(
        SlaClock,
        [{"id": clock.id, **{name: clock.__dict__[name] for name in names}} for clock in old],
        (*names, "failures", "error"),
        computed={
            "next_check_at": _not_in_the_past("new."),
            "failures": "0",  # what could not be checked may be well again
            "error": "''",
        },
    )
    ids = insert_rows(
        SlaClock,
        [row_of(clock) for clock in new],
        computed={"next_check_at": _not_in_the_past()},
        returning=True,
    )
    for clock, pk in zip(new, ids, strict=True):
        clock.pk = pk
    insert_rows(
        ClockEvent,
        [
            {
                "clock_id": entry.clock.id,
                "kind": entry.kind,
                "at": entry.at,
                "actor": entry.actor,
                "details": entry.details,
            }
            for entry in entered
        ],
    )


def insert_alike(alike: Sequence[tuple[Sequence[dict[str, Any]], Sequence[int]]]) -> None:
    """Insert the same clocks for each ticket of a list: (rows, ids of tickets).

    Only what differs travels: ten thousand rows as JSON would cost more than all else.
    """
    rows = [{**row, "id": n} for n, (clocks, _) in enumerate(alike) for row in clocks]
    if not rows:
        return
    tickets = [pk for _, ids in alike for pk in ids]
    numbers = [n for n, (_, ids) in enumerate(alike) for _ in ids]
    table = SlaClock._meta.db_table
    columns = [name for name in (*_FIXED, *_MOVING) if name not in ("ticket_id", "next_check_at")]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {table} (ticket_id, next_check_at, {", ".join(columns)})
                SELECT of.ticket, {_not_in_the_past("clock.")}, {", ".join(columns)}
                  FROM unnest(%s::bigint[], %s::int[]) AS of (ticket, number)
                  JOIN json_populate_recordset(NULL::{table}, %s::json) AS clock ON clock.id = of.number""",
            [tickets, numbers, as_json(rows)],
        )
        if any(row["state"] == ClockState.PAUSED for row in rows):
            cursor.execute(
                f"""INSERT INTO {ClockEvent._meta.db_table} (clock_id, kind, at, actor, details)
                    SELECT id, 'pause', started_at, 'sla', '{{}}' FROM {table}
                     WHERE ticket_id = ANY(%s) AND state = 'paused'""",
                [tickets],
            )


def read_pauses(clock_ids: Sequence[int]) -> dict[int, list[Entry]]:
    """Pauses and resumes of these clocks, as the arithmetic reads them."""
    found: dict[int, list[Entry]] = defaultdict(list)
    if clock_ids:
        kinds = (ClockKind.PAUSE, ClockKind.RESUME)
        events = ClockEvent.objects.filter(clock__in=clock_ids, kind__in=kinds)
        for clock, kind, at in events.order_by("pk").values_list("clock", "kind", "at"):
            found[clock].append(Entry(at, Kind(kind)))
    return found
