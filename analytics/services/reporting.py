"""The figures of a report: a period beside the one before, by plain SQL over tickets and clocks."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Aggregate, Count, DurationField, F, Q

from analytics.rhythms import Period
from sla.models import SlaClock
from sla.models.clock import ClockState
from tickets.lifecycle import LIVE
from tickets.models import Ticket


@dataclass(frozen=True)
class Scope:
    """Whose tickets: of one department or of all, without those hidden from whoever reads it."""

    department: int | None
    hidden: frozenset[int]

    def tickets(self) -> Any:
        rows = Ticket.objects.outside(self.hidden)
        return rows if self.department is None else rows.filter(department=self.department)


class Measures(NamedTuple):
    """Of one period. Times are wall time; None: there was nothing to measure."""

    created: int
    resolved: int
    sla_met: float | None  # the share of the deadlines that ended in it
    first_response: timedelta | None  # median
    resolution: timedelta | None  # median


@dataclass
class Part:
    """A priority's or a department's part."""

    created: int = 0
    created_before: int = 0
    resolved: int = 0
    resolved_before: int = 0
    backlog: int = 0


@dataclass
class Figures:
    now: Measures
    before: Measures
    backlog: int
    by_priority: dict[str, Part] = field(default_factory=dict)
    by_department: dict[str, Part] = field(default_factory=dict)


class Median(Aggregate):
    template = "percentile_cont(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


def figures(scope: Scope, period: Period, before: Period) -> Figures:
    """Everything that a report tells, in three statements."""
    by_priority, by_department = _parts(scope, period, before)
    now, then = _measures(scope, [period, before])
    backlog = sum(part.backlog for part in by_priority.values())
    return Figures(now, then, backlog, by_priority, by_department)


def within(column: str, period: Period) -> Q:
    return Q(**{f"{column}__gte": period.starts_at, f"{column}__lt": period.ends_at})


def _parts(scope: Scope, period: Period, before: Period) -> tuple[dict[str, Part], dict[str, Part]]:
    counted = {
        "created": within("opened_at", period),
        "created_before": within("opened_at", before),
        "resolved": within("resolved_at", period),
        "resolved_before": within("resolved_at", before),
        "backlog": Q(status__in=LIVE),
    }
    anything = Q()
    for condition in counted.values():
        anything |= condition
    rows = (
        scope.tickets()
        .filter(anything)
        .order_by()
        .values("priority", "department__name")
        .annotate(**{name: Count("pk", filter=condition) for name, condition in counted.items()})
    )
    by_priority: dict[str, Part] = defaultdict(Part)
    by_department: dict[str, Part] = defaultdict(Part)
    for row in rows:
        priority = f"P{row['priority']}" if row["priority"] else "none yet"
        department = row["department__name"] or "none yet"
        for part in (by_priority[priority], by_department[department]):
            for name in counted:
                setattr(part, name, getattr(part, name) + row[name])
    return dict(sorted(by_priority.items())), dict(sorted(by_department.items()))


def _measures(scope: Scope, periods: Collection[Period]) -> list[Measures]:
    wanted: dict[str, Any] = {}
    for number, period in enumerate(periods):
        resolved, answered = within("resolved_at", period), within("first_response_at", period)
        wanted |= {
            f"created_{number}": Count("pk", filter=within("opened_at", period)),
            f"resolved_{number}": Count("pk", filter=resolved),
            f"resolution_{number}": Median(F("resolved_at") - F("opened_at"), filter=resolved),
            f"response_{number}": Median(F("first_response_at") - F("opened_at"), filter=answered),
        }
    found = scope.tickets().aggregate(**wanted)
    met = _sla_met(scope, periods)
    return [
        Measures(
            created=found[f"created_{number}"],
            resolved=found[f"resolved_{number}"],
            sla_met=met[number],
            first_response=found[f"response_{number}"],
            resolution=found[f"resolution_{number}"],
        )
        for number in range(len(periods))
    ]


def _sla_met(scope: Scope, periods: Collection[Period]) -> list[float | None]:
    """The share of the clocks that ended in each period and kept their promise."""
    ended = SlaClock.objects.filter(
        ticket__in=scope.tickets(), state__in=[ClockState.MET, ClockState.BREACHED]
    )
    wanted: dict[str, Any] = {}
    for number, period in enumerate(periods):
        inside = within("stopped_at", period)
        wanted[f"all_{number}"] = Count("pk", filter=inside)
        wanted[f"met_{number}"] = Count("pk", filter=inside & Q(state=ClockState.MET))
    found = ended.aggregate(**wanted)
    return [
        found[f"met_{number}"] / found[f"all_{number}"] if found[f"all_{number}"] else None
        for number in range(len(periods))
    ]
