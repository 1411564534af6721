"""How many things happened in spans of time: sums of what was counted for days and hours."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analytics.bounds import check_read
from analytics.counters import COUNTERS
from analytics.models import FlowCount, FlowKind, Grain, TicketFlow
from analytics.periods import EDGE, Piece, Span, pieces
from analytics.scopes import PRIORITIES, By, Scope, names_of
from workers.replica import reader

Counts = Mapping[str, int]
NOTHING: Final[Counts] = dict.fromkeys(COUNTERS, 0)
#: The counters that each tell one kind of things; the others tell of some of these.
HAPPENED: Final = tuple(kind.name.lower() for kind in FlowKind)


def counts_in(scope: Scope, spans: Sequence[Span]) -> list[Counts]:
    """What happened in each of `spans`."""
    found = _read(scope, spans, None)
    return [found.get((n, 0), NOTHING) for n in range(len(spans))]


def counts_by(scope: Scope, spans: Sequence[Span], by: By) -> dict[int, tuple[Counts, ...]]:
    """The same for each id that anything happened to; 0 stands for none.

    :raises TooMuch: nobody counts these parts, and too much happened to look at all of it.
    """
    if _uncounted(scope, by):
        desk = counts_in(Scope(), spans)
        check_read(sum(found[name] for found in desk for name in HAPPENED))
    found = _read(scope, spans, by)
    keys = {key for _, key in found}
    return {key: tuple(found.get((n, key), NOTHING) for n in range(len(spans))) for key in keys}


def _read(scope: Scope, spans: Sequence[Span], by: By | None) -> dict[tuple[int, int], Counts]:
    query, given = flow_query(scope, by)
    cut = [(n, *piece) for n, span in enumerate(spans) for piece in _pieces(scope, span, by)]
    names = ("numbers", "minutes", "starts", "ends")
    given |= dict(zip(names, map(list, zip(*cut, strict=True)), strict=True))
    with reader().cursor() as cursor:
        cursor.execute(query, given)
        return {
            (number, key): dict(zip(COUNTERS, map(int, values), strict=True))
            for number, key, *values in cursor.fetchall()
        }


def _uncounted(scope: Scope, by: By | None) -> bool:
    """By priority, of a group or an agent: all that happened is looked at."""
    return by is By.PRIORITY and bool(scope.group or scope.agent)


def _pieces(scope: Scope, span: Span, by: By | None) -> list[Piece]:
    if _uncounted(scope, by):
        return [(EDGE, span.start, span.end)]
    return pieces(span)


def flow_query(scope: Scope, by: By | None) -> tuple[str, dict[str, Any]]:
    """The query that sums the pieces of each span, by key: whole hours and days from the counts, the rest from
    what was counted."""
    sums = ", ".join(f"sum({name})" for name in COUNTERS)
    condition, given = scope.condition()
    counts, keys = _from_counts(scope, by)
    flows = _from_flows(condition, by)
    query = f"""WITH piece AS MATERIALIZED (
                     SELECT * FROM unnest(%(numbers)s::int[], %(minutes)s::int[], %(starts)s::timestamptz[],
                                          %(ends)s::timestamptz[]) AS piece (number, minutes, starts, ends))
                SELECT number, key, {sums}
                  FROM (SELECT number, counted.* FROM piece CROSS JOIN LATERAL ({counts}) counted
                         WHERE minutes <> {EDGE}
                         UNION ALL
                        SELECT number, counted.* FROM piece CROSS JOIN LATERAL ({flows}) counted
                         WHERE minutes = {EDGE}) parts
                 GROUP BY 1, 2"""
    return query, {**given, "keys": keys}


def _from_counts(scope: Scope, by: By | None) -> tuple[str, list[int]]:
    """The counts of a piece, by key, and the keys that they are stored under."""
    column: str = "0" if by is None else "key"
    wanted = Scope(scope.hidden, scope.department)
    if scope.agent or by is By.AGENT:
        grain, keys = Grain.AGENT, [scope.agent] if scope.agent else [*names_of(By.AGENT, scope)]
        wanted = Scope(scope.hidden, scope.department, scope.group)
        column = "group_id" if by is By.GROUP else column
    elif scope.group or by is By.GROUP:
        grain, keys = Grain.GROUP, [scope.group] if scope.group else [*names_of(By.GROUP, scope)]
    elif by is By.PRIORITY:
        grain, keys = Grain.PRIORITY, [*PRIORITIES]
    else:
        grain, keys = Grain.DEPARTMENT, [0]
    if by is By.DEPARTMENT:
        column = "department_id"
    condition, _ = wanted.condition()
    sums = ", ".join(f"sum({name}) AS {name}" for name in COUNTERS)
    query = f"""SELECT {column} AS key, {sums} FROM {FlowCount._meta.db_table} stored
                 WHERE grain = {grain:d} AND stored.key = ANY(%(keys)s) AND stored.minutes = piece.minutes
                   AND bucket >= starts AND bucket < ends AND {condition} GROUP BY 1"""
    return query, keys


def _from_flows(condition: str, by: By | None) -> str:
    key = "0" if by is None else "priority" if by is By.PRIORITY else f"{by}_id"
    if by is By.AGENT:
        condition += " AND agent_id > 0"
    sums = ", ".join(f"{sql} AS {name}" for name, sql in COUNTERS.items())
    return f"""SELECT {key} AS key, {sums}
                 FROM (SELECT *, 1 AS n FROM {TicketFlow._meta.db_table}
                        WHERE at >= starts AND at < ends AND {condition}) happened GROUP BY 1"""
