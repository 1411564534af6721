"""One department: what it has, and how it works."""

from typing import Any

from analytics.freshness import one_view
from analytics.performance import performance
from analytics.periods import Period
from analytics.scopes import Scope
from analytics.standing import standings
from analytics.summaries import Named

_SHOWN = ("by_status", "by_priority", "by_classification")


def department_figures(name: str, scope: Scope, period: Period) -> dict[str, Any]:
    """Its tickets, and the figures of `period` and of the one before. `scope` is the department's."""
    with one_view():
        found, worked = standings(scope), performance(scope, period)
    shown = Named(scope).show(found, "tickets")
    return {
        "department": name,
        **found.overview(),
        "open_tickets": found.total.live,
        "average_confidence": found.total.average_confidence,
        **{shown_by: shown[shown_by] for shown_by in _SHOWN},
        **{part: worked[part] for part in ("period", "current", "previous")},
        **{part: worked[part] for part in ("as_of", "age_seconds")},
    }
