"""Day by day, in the asker's time zone: what came, what went, what was left, which promises were missed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from analytics.bounds import check_parts
from analytics.flows import NOTHING, Counts, counts_by, counts_in
from analytics.freshness import freshness, one_view
from analytics.performance import show_period
from analytics.periods import Period, Span, days_of
from analytics.rates import breached, compared, net
from analytics.scopes import By, Scope, names_of
from analytics.standing import standings

_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_FLOWS: Final = ("created", "resolved", "cancelled", "reopened", "breached")


def trends(scope: Scope, period: Period, by: By | None = None) -> dict[str, Any]:
    """Each day of `period`, and its sums beside those of the period before; with `by`, the same of each part.

    The backlog is what had not ended when the day did.

    :raises TooMuch: so many days of so many parts are not told in one answer.
    """
    days, names = days_of(period), names_of(by, scope) if by else {}
    spans = [*(span for _, span in days), _after(period), period.before]
    with one_view():
        *counts, after, before = counts_in(scope, spans)
        standing = standings(scope)
        there = standing.of(by) if by else {}
        check_parts(len(names.keys() & there.keys()), len(days))
        parts = counts_by(scope, spans, by) if by else {}
        fresh = freshness()
    dates = [day for day, _ in days]
    daily = _daily(dates, counts, standing.total.live - net(after))
    result = {
        "days": period.days,
        "daily_ticket_creation": [{"date": day["date"], "count": day["created"]} for day in daily],
        "period": show_period(period),
        "daily": daily,
        "totals": _totals(counts, before),
    }
    if by:
        live = {key: found.live for key, found in there.items()}
        result["by"] = by.value
        result["breakdown"] = [
            {"name": name, **_part(dates, parts.get(key), live.get(key, 0))}
            for key, name in names.items()
            if key in parts or live.get(key)
        ]
    return {**result, **fresh}


def _after(period: Period) -> Span:
    """What was dated ahead: it is in the present backlog."""
    return Span(period.now.end, _NEVER)


def _part(dates: Sequence[date], found: Sequence[Counts] | None, live: int) -> dict[str, Any]:
    *counts, after, before = found or [NOTHING] * (len(dates) + 2)
    return {
        "daily": _daily(dates, counts, live - net(after)),
        "totals": _totals(counts, before),
    }


def _daily(dates: Sequence[date], counts: Sequence[Counts], backlog: int) -> list[dict[str, Any]]:
    """The days; `backlog` is that of the last one's end, from which we go back."""
    days = []
    for day, found in zip(reversed(dates), reversed(counts), strict=True):
        days.append({"date": day.isoformat(), **_shown(found), "backlog": backlog})
        backlog -= net(found)
    return days[::-1]


def _shown(counts: Counts) -> dict[str, int]:
    shown = {**counts, "breached": breached(counts)}
    return {name: shown[name] for name in _FLOWS}


def _totals(counts: Sequence[Counts], before: Counts) -> dict[str, Any]:
    sums = {name: sum(_shown(found)[name] for found in counts) for name in _FLOWS}
    previous = _shown(before)
    return {name: compared(sums[name], previous[name]) for name in _FLOWS}
