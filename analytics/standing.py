"""How many tickets there are now, by their properties."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from analytics.counters import DIMENSIONS
from analytics.models import CountScope, Dimension, TicketCount, TicketFact
from analytics.rates import percent
from analytics.scopes import By, Scope
from tickets.lifecycle import Status
from workers.replica import reader

_DIMENSION_OF: Final = {
    By.GROUP: Dimension.GROUP,
    By.AGENT: Dimension.AGENT,
    By.PRIORITY: Dimension.PRIORITY,
}


@dataclass
class Standing:
    """`live`: those of them that have not ended."""

    tickets: int = 0
    live: int = 0
    confident: int = 0
    #: Sum of the confident ones' confidence, in millionths.
    confidence: int = 0

    def add(self, live: bool, tickets: int, confident: int, confidence: int) -> None:
        self.tickets += tickets
        self.live += tickets if live else 0
        self.confident += confident
        self.confidence += confidence

    @property
    def average_confidence(self) -> float | None:
        """In percent."""
        if not self.confident:
            return None
        return round(self.confidence / self.confident / 10_000, 2)


def _standings() -> defaultdict[str, Standing]:
    return defaultdict(Standing)


@dataclass
class Standings:
    """What there is: altogether, and by each property, as it is stored in the counts."""

    total: Standing = field(default_factory=Standing)
    departments: defaultdict[str, Standing] = field(default_factory=_standings)
    by: defaultdict[Dimension, defaultdict[str, Standing]] = field(
        default_factory=lambda: defaultdict(_standings)
    )

    def overview(self) -> dict[str, Any]:
        """How many there are, how many of them are resolved or closed, and that share in percent."""
        statuses = self.by[Dimension.STATUS]
        solved = statuses[Status.RESOLVED].tickets + statuses[Status.CLOSED].tickets
        return {
            "total_tickets": self.total.tickets,
            "resolved_tickets": solved,
            "resolution_rate": percent(solved, self.total.tickets),
        }

    def of(self, by: By) -> dict[int, Standing]:
        found = self.departments if by is By.DEPARTMENT else self.by[_DIMENSION_OF[by]]
        return {int(key): standing for key, standing in found.items()}


def standings(scope: Scope) -> Standings:
    """All tickets of `scope` that there are now."""
    query, given = _from_facts(scope) if scope.group and scope.agent else _from_counts(scope)
    found = Standings()
    with reader().cursor() as cursor:
        cursor.execute(query, given)
        for dimension, key, department, live, *numbers in cursor.fetchall():
            counts = [int(number) for number in numbers]
            found.by[Dimension(dimension)][key].add(live, *counts)
            if dimension == Dimension.STATUS:  # every ticket has one
                found.departments[str(department)].add(live, *counts)
                found.total.add(live, *counts)
    return found


def _from_counts(scope: Scope) -> tuple[str, dict[str, Any]]:
    kind, pk = CountScope.DEPARTMENT, 0
    if scope.group:
        kind, pk = CountScope.GROUP, scope.group
    elif scope.agent:
        kind, pk = CountScope.AGENT, scope.agent
    condition, given = Scope(scope.hidden, scope.department).condition()
    query = f"""SELECT dimension, key, department_id, live, sum(tickets), sum(confident), sum(confidence)
                  FROM {TicketCount._meta.db_table}
                 WHERE scope = {kind:d} AND scope_id = %(scope_id)s AND {condition}
                 GROUP BY 1, 2, 3, 4 HAVING sum(tickets) > 0"""
    return query, {**given, "scope_id": pk}


def _from_facts(scope: Scope) -> tuple[str, dict[str, Any]]:
    condition, given = scope.condition()
    columns = (
        "department_id, group_id, agent_id, category_id, priority, status, customer_tier, live"
    )
    query = f"""SELECT dimension, key, department_id, live, sum(tickets), sum(confident), sum(confidence)
                  FROM (SELECT {columns}, count(*) AS tickets, count(confidence) AS confident,
                               coalesce(sum(confidence), 0) AS confidence
                          FROM {TicketFact._meta.db_table} WHERE {condition} GROUP BY {columns}) alike
                 CROSS JOIN LATERAL {DIMENSIONS} GROUP BY 1, 2, 3, 4"""
    return query, given
