"""Tickets that were opened lately, by their properties: counted in the table of tickets itself."""

from datetime import datetime, timedelta
from typing import Any, Final

from analytics.freshness import fresh_at, freshness, one_view
from analytics.models import Dimension
from analytics.scopes import Scope
from analytics.standing import Standings, standings
from analytics.summaries import Named
from tickets.lifecycle import LIVE
from tickets.models import Ticket
from workers.replica import reader

#: The periods that can be asked for; all: since ever.
PERIODS: Final[dict[str, timedelta | None]] = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "all": None,
}
_SHOWN: Final = ("by_status", "by_priority", "by_department", "by_classification")
_DIMENSIONS: Final = (Dimension.STATUS, Dimension.PRIORITY, Dimension.CATEGORY)


def opened(scope: Scope, period: str, now: datetime) -> dict[str, Any]:
    """The tickets opened in the last day, week (7 days) or month (30 days), or all."""
    length = PERIODS[period]
    with one_view():
        found = standings(scope) if length is None else _opened_since(scope, now - length)
        fresh = freshness() if length is None else fresh_at(now)
    shown = Named(scope).show(found, "tickets")
    return {
        "period": period,
        "total_tickets": found.total.tickets,
        **{name: shown[name] for name in _SHOWN},
        **fresh,
    }


def _opened_since(scope: Scope, since: datetime) -> Standings:
    query, given = opened_query(scope)
    found = Standings()
    with reader().cursor() as cursor:
        cursor.execute(query, {**given, "since": since})
        for status, priority, category, department, count in cursor.fetchall():
            keys = (status, str(priority), str(category))
            for dimension, key in zip(_DIMENSIONS, keys, strict=True):
                found.by[dimension][key].add(status in LIVE, count, 0, 0)
            found.departments[str(department)].add(status in LIVE, count, 0, 0)
            found.total.add(status in LIVE, count, 0, 0)
    return found


def opened_query(scope: Scope) -> tuple[str, dict[str, Any]]:
    condition, given = scope.condition()
    query = f"""SELECT status, priority, category_id, department_id, count(*)
                  FROM (SELECT status, opened_at, coalesce(priority, 0) AS priority,
                               coalesce(category_id, 0) AS category_id, coalesce(group_id, 0) AS group_id,
                               coalesce(department_id, 0) AS department_id, assignee_id AS agent_id
                          FROM {Ticket._meta.db_table}) ticket
                 WHERE opened_at >= %(since)s AND {condition} GROUP BY 1, 2, 3, 4"""
    return query, given
