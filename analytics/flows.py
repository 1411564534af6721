"""How many things happened in spans of time, read from the counts of each quarter of an hour."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

from analytics.counters import COUNTERS
from analytics.models import FlowCount, Grain, TicketFlow
from analytics.periods import Span
from analytics.scopes import PRIORITIES, By, Scope, names_of

Counts = Mapping[str, int]
NOTHING: Final[Counts] = dict.fromkeys(COUNTERS, 0)
_KEYS: Final = {By.DEPARTMENT: "department_id", By.GROUP: "group_id", By.AGENT: "agent_id"}


def counts_in(scope: Scope, spans: Sequence[Span]) -> list[Counts]:
    """What happened in each of `spans`, which lie on quarters of an hour."""
    found = _read(scope, spans, None)
    return [found.get((n, 0), NOTHING) for n in range(len(spans))]


def counts_by(scope: Scope, spans: Sequence[Span], by: By) -> dict[int, tuple[Counts, ...]]:
    """The same for each id that anything happened to; 0 stands for none."""
    found = _read(scope, spans, by)
    keys = {key for _, key in found}
    return {key: tuple(found.get((n, key), NOTHING) for n in range(len(spans))) for key in keys}


def _read(scope: Scope, spans: Sequence[Span], by: By | None) -> dict[tuple[int, int], Counts]:
    source, given = flow_source(scope, by)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT span.number, counted.*
                  FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[])
                       WITH ORDINALITY AS span (starts, ends, number)
                 CROSS JOIN LATERAL ({source} GROUP BY 1) counted""",
            {
                **given,
                "starts": [span.start for span in spans],
                "ends": [span.end for span in spans],
            },
        )
        return {
            (number - 1, key): dict(zip(COUNTERS, map(int, values), strict=True))
            for number, key, *values in cursor.fetchall()
        }


def flow_source(scope: Scope, by: By | None) -> tuple[str, dict[str, Any]]:
    """The query that sums one `span`, by key: over the counts or, for agents, over what was counted."""
    if scope.agent is not None or by is By.AGENT or (scope.group and by is By.PRIORITY):
        return _from_flows(scope, by)
    grain = Grain.GROUP if scope.group or by is By.GROUP else Grain.DEPARTMENT
    grain = Grain.PRIORITY if by is By.PRIORITY else grain
    keys = [0]
    if grain is Grain.GROUP:
        keys = [scope.group] if scope.group else list(names_of(By.GROUP, scope))
    elif grain is Grain.PRIORITY:
        keys = list(PRIORITIES)
    condition, given = Scope(scope.hidden, scope.department).condition()
    key = "department_id" if by is By.DEPARTMENT else "0" if by is None else "key"
    sums = ", ".join(f"sum({name})" for name in COUNTERS)
    query = f"""SELECT {key}, {sums} FROM {FlowCount._meta.db_table}
                 WHERE grain = {grain:d} AND key = ANY(%(keys)s) AND bucket >= starts AND bucket < ends
                   AND {condition}"""
    return query, {**given, "keys": keys}


def _from_flows(scope: Scope, by: By | None) -> tuple[str, dict[str, Any]]:
    condition, given = scope.condition()
    key = "0" if by is None else _KEYS.get(by, "priority")
    if scope.agent is None and scope.group is None:
        condition += " AND agent_id = ANY(%(agents)s)"
        given["agents"] = list(names_of(By.AGENT, scope))
    query = f"""SELECT {key}, {", ".join(COUNTERS.values())}
                  FROM (SELECT *, 1 AS n FROM {TicketFlow._meta.db_table}
                         WHERE at >= starts AND at < ends AND {condition}) happened"""
    return query, given
