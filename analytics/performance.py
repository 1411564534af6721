"""How well the desk works in a period, beside the period before: times, kept promises, rates."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from analytics.bounds import check_sorted
from analytics.durations import NO_MEASURES, Found, Times, times_in
from analytics.flows import NOTHING, Counts, counts_by, counts_in
from analytics.freshness import freshness, one_view
from analytics.periods import Period
from analytics.rates import rates
from analytics.scopes import By, Scope, names_of
from analytics.standing import standings


def performance(scope: Scope, period: Period, by: By | None = None) -> dict[str, Any]:
    """What there is, and the figures of `period` and of the one before; with `by`, also of each department, group,
    agent or priority.

    Times are seconds, rates percent.

    :raises TooMuch: the medians of so many tickets are not worked out in one answer.
    """
    spans = (period.now, period.before)
    with one_view():
        standing, counts = standings(scope), counts_in(scope, spans)
        check_sorted(sum(max(found["created"], found["resolved"]) for found in counts))
        times = times_in(scope, spans, by)
        parts = _parts(scope, counts_by(scope, spans, by), times, by) if by else None
        fresh = freshness()
    now, before = (measured(*pair) for pair in zip(counts, times.total, strict=True))
    return {
        **standing.overview(),
        "average_categorization_confidence": standing.total.average_confidence,
        "period": show_period(period),
        "current": now,
        "previous": before,
        **({"by": by.value, "breakdown": parts} if by else {}),
        **fresh,
    }


def _parts(
    scope: Scope, counts: Mapping[int, Sequence[Counts]], times: Found, by: By
) -> list[dict[str, Any]]:
    parts = []
    for key, name in names_of(by, scope).items():
        if any(any(found.values()) for found in counts.get(key, ())) or key in times.parts:
            pairs = zip(
                counts.get(key, (NOTHING, NOTHING)),
                times.parts.get(key, [NO_MEASURES] * 2),
                strict=True,
            )
            now, before = (measured(*pair) for pair in pairs)
            parts.append({"name": name, "current": now, "previous": before})
    return parts


def measured(counts: Counts, times: Mapping[str, Times]) -> dict[str, Any]:
    """The figures of one span."""
    return {
        **rates(counts),
        "triage_latency": times["triage_seconds"],
        "first_response": {
            "wall": times["response_seconds"],
            "business": times["response_business_seconds"],
        },
        "resolution": {
            "wall": times["resolution_seconds"],
            "business": times["resolution_business_seconds"],
        },
    }


def show_period(period: Period) -> dict[str, Any]:
    def span(start: datetime, end: datetime) -> dict[str, datetime]:
        return {"from": start.astimezone(period.zone), "to": end.astimezone(period.zone)}

    return {
        "days": period.days,
        "tz": period.zone.key,
        **span(period.now.start, period.now.end),
        "previous": span(period.before.start, period.before.end),
    }
