"""How long things took: the median and the slow ends of what was triaged, answered and resolved in a span."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics.models import TicketFact
from analytics.periods import Span
from analytics.scopes import By, Scope
from workers.replica import reader

SHARES: Final = {"median": 0.5, "p90": 0.9, "p95": 0.95}
Times = Mapping[str, Any]
NO_TIMES: Final[Times] = {"count": 0, **dict.fromkeys(SHARES)}
#: Name -> (when it happened, how long it took).
_MEASURED: Final = {
    "triaged_at": ("triage_seconds",),
    "first_response_at": ("response_seconds", "response_business_seconds"),
    "resolved_at": ("resolution_seconds", "resolution_business_seconds"),
}
MEASURES: Final = tuple(name for names in _MEASURED.values() for name in names)
NO_MEASURES: Final[Mapping[str, Times]] = dict.fromkeys(MEASURES, NO_TIMES)


@dataclass
class Found:
    """Measure -> how many, median, p90, p95 (seconds), for each span: of all, and of each part that has any."""

    total: list[Mapping[str, Times]]
    parts: dict[int, list[Mapping[str, Times]]]


def times_in(scope: Scope, spans: Sequence[Span], by: By | None = None) -> Found:
    """How long what ended in each of `spans` had taken; with `by`, also of each part. 0 stands for none."""
    found: dict[tuple[int, int | None], dict[str, Times]] = {}
    for at, measures in _MEASURED.items():
        query, given = times_query(scope, by, at, measures)
        with reader().cursor() as cursor:
            for number, span in enumerate(spans):
                cursor.execute(query, {**given, "start": span.start, "end": span.end})
                for whole, key, *values in cursor.fetchall():
                    mine = found.setdefault((number, None if whole else key), dict(NO_MEASURES))
                    for n, measure in enumerate(measures):
                        mine[measure] = _times(values[2 * n], values[2 * n + 1])

    def of(key: int | None) -> list[Mapping[str, Times]]:
        return [found.get((number, key), NO_MEASURES) for number in range(len(spans))]

    return Found(of(None), {key: of(key) for _, key in found if key is not None})


def times_query(
    scope: Scope, by: By | None, at: str, measures: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """The query for what happened `at` a time from `start` to `end`: the whole and its parts in one reading."""
    condition, given = scope.condition()
    key = "department_id" if by is None else "priority" if by is By.PRIORITY else f"{by}_id"
    sets = "()" if by is None else f"(), ({key})"
    columns = ", ".join(
        f"count({name}), percentile_cont(%(shares)s::float8[]) WITHIN GROUP (ORDER BY {name})"
        for name in measures
    )
    query = f"""SELECT {1 if by is None else f"grouping({key})"}, {"0" if by is None else key}, {columns}
                  FROM {TicketFact._meta.db_table}
                 WHERE {at} >= %(start)s AND {at} < %(end)s AND {condition}
                 GROUP BY GROUPING SETS ({sets})"""
    return query, {**given, "shares": list(SHARES.values())}


def _times(count: int, values: Sequence[float] | None) -> Times:
    if not count or values is None:
        return NO_TIMES
    rounded = [round(value, 3) for value in values]
    return {"count": count, **dict(zip(SHARES, rounded, strict=True))}
