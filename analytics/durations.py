"""How long things took: the median and the slow ends of what was triaged, answered and resolved in a span."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection

from analytics.models import TicketFact
from analytics.periods import Span
from analytics.scopes import By, Scope

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


def times_in(scope: Scope, spans: Sequence[Span]) -> list[Mapping[str, Times]]:
    """For each of `spans`: measure -> how many, median, p90 and p95 in seconds."""
    found = _read(scope, spans, None)
    return [found.get((n, 0), NO_MEASURES) for n in range(len(spans))]


def times_by(scope: Scope, spans: Sequence[Span], by: By) -> dict[int, list[Mapping[str, Times]]]:
    """The same for each id that has any."""
    found = _read(scope, spans, by)
    return {
        key: [found.get((n, key), NO_MEASURES) for n in range(len(spans))]
        for key in {key for _, key in found}
    }


def _read(
    scope: Scope, spans: Sequence[Span], by: By | None
) -> dict[tuple[int, int], Mapping[str, Times]]:
    found: dict[tuple[int, int], dict[str, Times]] = {}
    for at, measures in _MEASURED.items():
        query, given = times_query(scope, by, at, measures)
        with connection.cursor() as cursor:
            for number, span in enumerate(spans):
                cursor.execute(query, {**given, "start": span.start, "end": span.end})
                for key, *values in cursor.fetchall():
                    mine = found.setdefault((number, key), dict(NO_MEASURES))
                    for n, measure in enumerate(measures):
                        mine[measure] = _times(values[2 * n], values[2 * n + 1])
    return dict(found)


def times_query(
    scope: Scope, by: By | None, at: str, measures: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """The query for what happened `at` a time from `start` to `end`."""
    condition, given = scope.condition()
    key = "0" if by is None else "priority" if by is By.PRIORITY else f"{by}_id"
    columns = ", ".join(
        f"count({name}), percentile_cont(%(shares)s::float8[]) WITHIN GROUP (ORDER BY {name})"
        for name in measures
    )
    query = f"""SELECT {key}, {columns} FROM {TicketFact._meta.db_table}
                 WHERE {at} >= %(start)s AND {at} < %(end)s AND {condition} GROUP BY 1"""
    return query, {**given, "shares": list(SHARES.values())}


def _times(count: int, values: Sequence[float] | None) -> Times:
    if not count or values is None:
        return NO_TIMES
    rounded = [round(value, 3) for value in values]
    return {"count": count, **dict(zip(SHARES, rounded, strict=True))}
