"""Tickets as a stream of the database's own making: one COPY, so one statement, one snapshot and flat memory.

PostgreSQL writes the rows itself: several times as quick as making objects of them here.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models import F, Func, TextField

from analytics.columns import FORMULA, Column, Kind
from workers.replica import reader
from workers.sql import quick_cursor

#: Bytes that are handed on together.
BLOCK: Final = 64 * 1024
BOM: Final = "\ufeff".encode()
#: JSON holds no control characters, so with these nothing is ever quoted: each row is a line as it is.
_LINES: Final = r"FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02'"
_TYPES: Final = {
    Kind.INTEGER: "int8",
    Kind.FLOAT: "float8",
    Kind.FLAG: "bool",
    Kind.TIME: "timestamptz",
    Kind.LIST: "text[]",
}
#: What a column is in a CSV file; {} is the column. An empty text is an empty cell, as nothing is.
_QUOTED: Final = FORMULA.replace("'", "''")
_DEFUSED: Final = f"CASE WHEN {{}} ~ '{_QUOTED}' THEN '''' || {{}} ELSE nullif({{}}, '') END"
_CELLS: Final = {
    Kind.TEXT: _DEFUSED,
    Kind.LIST: _DEFUSED.replace("{}", "array_to_string({}, ',')"),
    Kind.FLAG: "{}::text",
    Kind.TIME: """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
}


class Block(NamedTuple):
    data: bytes
    rows: int  # that end in it


def csv_blocks(
    tickets: Any, columns: Sequence[Column], *, bom: bool = False
) -> Generator[Block, None, None]:
    """The tickets as CSV with a header, texts defused (`columns.defused`)."""
    sql, given = _select(tickets, [_cell(column) for column in columns])
    statement = (
        f"COPY (SELECT * FROM ({sql}) AS t({_names(columns)})) TO STDOUT WITH (FORMAT csv, HEADER)"
    )
    return _blocks(statement, given, BOM if bom else b"", header=1)


def json_blocks(tickets: Any, columns: Sequence[Column]) -> Generator[Block, None, None]:
    """The tickets as JSON, one object a line."""
    sql, given = _select(tickets, [_value(column) for column in columns])
    named = f"SELECT row_to_json(t) FROM ({sql}) AS t({_names(columns)})"
    return _blocks(f"COPY ({named}) TO STDOUT WITH ({_LINES})", given)


def value_rows(tickets: Any, columns: Sequence[Column]) -> Generator[tuple[Any, ...], None, None]:
    """The tickets as tuples of Python values; times are in UTC."""
    sql, given = _select(tickets, [_value(column) for column in columns])
    with _copied(f"COPY ({sql}) TO STDOUT", given) as copy:
        copy.set_types([_TYPES.get(column.kind, "text") for column in columns])
        yield from copy.rows()


def _blocks(
    statement: str, given: Sequence[Any], head: bytes = b"", *, header: int = 0
) -> Generator[Block, None, None]:
    gathered, rows = bytearray(head), -header
    with _copied(statement, given) as copy:
        for row in copy:
            gathered += row
            rows += 1
            if len(gathered) >= BLOCK:
                yield Block(bytes(gathered), rows)
                gathered.clear()
                rows = 0
    if gathered:
        yield Block(bytes(gathered), rows)


@contextmanager
def _copied(statement: str, given: Sequence[Any]) -> Iterator[Any]:
    """The running COPY. Whoever leaves it early ends the query."""
    link = reader()
    with (
        quick_cursor(link) as cursor,
        link.wrap_database_errors,  # while rows come, too
        cursor.copy(statement, given or None) as copy,
    ):
        yield copy


def _select(tickets: Any, expressions: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The statement, in the order of the tickets' numbers."""
    chosen = tickets.order_by("pk").values_list(*expressions)
    try:
        sql, given = chosen.query.sql_with_params()
        return sql, given
    except EmptyResultSet:  # the filters contradict each other, or name what is gone
        anything = chosen.model._default_manager.values_list(*expressions)
        sql, given = anything.query.sql_with_params()
        return f"{sql} LIMIT 0", given


def _cell(column: Column) -> Func:
    """A column as a CSV file shows it."""
    if column.kind is Kind.WORD:
        return _value(column)
    return _sql(_CELLS.get(column.kind, "{}"), column)


def _value(column: Column) -> Func:
    """A column as it is."""
    return _sql("'P' || {}" if column.name == "priority" else "{}", column)


def _sql(template: str, column: Column) -> Func:
    escaped = template.replace("%", "%%").replace("{}", "%(expressions)s")
    return Func(F(column.path), template=escaped, output_field=TextField())


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(f'"{column.name}"' for column in columns)
