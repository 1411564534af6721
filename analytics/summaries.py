"""What there is now, by every property, and what came and went lately."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from analytics.flows import NOTHING, Counts, counts_by, counts_in
from analytics.freshness import freshness, one_view
from analytics.models import Dimension
from analytics.performance import show_period
from analytics.periods import Period, Span
from analytics.rates import SHOWN, breached, compared, net, percent
from analytics.scopes import NONE, PRIORITIES, By, Scope, categories, names_of
from analytics.standing import Standing, Standings, standings
from tickets.lifecycle import Status
from tickets.models import Tier

_Names = Mapping[int, str]


def summary(scope: Scope, period: Period, by: By | None = None) -> dict[str, Any]:
    """All tickets and the open ones, counted by each property; what came and went in `period` and before."""
    spans = (period.now, period.before)
    with one_view():
        found = standings(scope)
        counts = counts_in(scope, spans)
        parts = counts_by(scope, spans, by) if by else {}
        fresh = freshness()
    named = Named(scope)
    result: dict[str, Any] = {
        "total_tickets": found.total.tickets,
        "open_tickets": found.total.live,
        "average_confidence": found.total.average_confidence,
        **named.show(found, "tickets"),
        "open": named.show(found, "live"),
        "period": show_period(period),
        "flows": _flows(counts[0], counts[1], found.total.live),
    }
    if by:
        there = found.of(by)
        result["by"] = by.value
        result["breakdown"] = [
            _part(name, parts.get(key, (NOTHING, NOTHING)), there.get(key, Standing()))
            for key, name in names_of(by, scope).items()
            if key in there or key in parts
        ]
    return {**result, **fresh}


def _part(name: str, counts: Sequence[Counts], standing: Standing) -> dict[str, Any]:
    now, before = counts
    return {
        "name": name,
        "total_tickets": standing.tickets,
        "open_tickets": standing.live,
        "flows": _flows(now, before, standing.live),
    }


def dashboard(scope: Scope, now: datetime) -> dict[str, Any]:
    """The few figures of a dashboard's head. `pending` is what older clients call open."""
    with one_view():
        found = standings(scope)
        lately = counts_in(scope, [Span(now - timedelta(hours=24), now)])[0]
        fresh = freshness()
    named = Named(scope)
    shown = named.show(found, "tickets")
    statuses = shown["by_status"]
    return {
        "total_tickets": found.total.tickets,
        "by_department": shown["by_department"],
        "by_status": {"pending": statuses[Status.OPEN.value], **statuses},
        "average_confidence": found.total.average_confidence,
        "recent_tickets_24h": lately["created"],
        "open_tickets": found.total.live,
        "open_by_priority": named.show(found, "live")["by_priority"],
        **fresh,
    }


def routing(scope: Scope, period: Period) -> dict[str, Any]:
    """Where tickets went, how sure the routing was, and what came to each department lately."""
    spans = (period.now, period.before)
    with one_view():
        found = standings(scope)
        counts = counts_by(scope, spans, By.DEPARTMENT)
        fresh = freshness()
    names = names_of(By.DEPARTMENT, scope)
    routed = {
        names[key]: standing
        for key, standing in sorted(found.of(By.DEPARTMENT).items())
        if key in names and key != 0
    }
    total = Standing()
    for one in routed.values():
        total.add(False, one.tickets, one.confident, one.confidence)
    return {
        "total_routings": total.tickets,
        "department_distribution": {name: one.tickets for name, one in routed.items()},
        "department_percentages": {
            name: percent(one.tickets, total.tickets) for name, one in routed.items()
        },
        "average_confidence_by_department": {
            name: one.average_confidence for name, one in routed.items()
        },
        "overall_average_confidence": total.average_confidence,
        "not_routed": found.departments["0"].tickets,
        "period": show_period(period),
        "created_by_department": {
            names[key]: compared(now["created"], before["created"])
            for key, (now, before) in sorted(counts.items())
            if key in names
        },
        **fresh,
    }


def _flows(now: Counts, before: Counts, live: int) -> dict[str, Any]:
    return {
        **{name: compared(now[name], before[name]) for name in SHOWN},
        "breached": compared(breached(now), breached(before)),
        "backlog": compared(live, live - net(now)),
    }


class Named:
    """Counts under the names that people use. Names are read once."""

    def __init__(self, scope: Scope) -> None:
        self.departments, self.groups = names_of(By.DEPARTMENT, scope), names_of(By.GROUP, scope)
        self.agents = {**names_of(By.AGENT, scope), 0: NONE}
        self.categories = categories()

    def show(self, found: Standings, what: str) -> dict[str, dict[str, int]]:
        """`what`: "tickets" or "live"."""

        def of(standing: Mapping[str, Standing], names: _Names) -> dict[str, int]:
            counts: Counter[str] = Counter()
            for key, one in standing.items():
                counts[names.get(int(key), NONE)] += getattr(one, what)
            return {name: counts[name] for name in names.values() if counts[name]}

        def words(dimension: Dimension, known: list[str]) -> dict[str, int]:
            return {word: getattr(found.by[dimension][word], what) for word in known}

        by_category = of(found.by[Dimension.CATEGORY], self.categories)
        by_priority = of(found.by[Dimension.PRIORITY], PRIORITIES)
        return {
            "by_classification": by_category,
            "by_category": by_category,
            "by_priority": {
                **{word: by_priority.get(word, 0) for word in PRIORITIES.values() if word != NONE},
                **by_priority,
            },
            "by_department": of(found.departments, self.departments),
            "by_group": of(found.by[Dimension.GROUP], self.groups),
            "by_agent": of(found.by[Dimension.AGENT], self.agents),
            "by_status": words(Dimension.STATUS, [s.value for s in Status]),
            "by_tier": words(Dimension.TIER, [t.value for t in Tier]),
        }
