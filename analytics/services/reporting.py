"""The figures of a report: those of the API (docs/metrics.md), of a period beside the one before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from analytics.durations import times_in
from analytics.flows import NOTHING, counts_by, counts_in
from analytics.freshness import freshness, one_view
from analytics.performance import measured
from analytics.periods import Span
from analytics.rhythms import Days
from analytics.scopes import By, Scope, names_of
from analytics.standing import Standing, Standings, standings
from workers.replica import Behind


class NotCounted(Behind):
    """What happened in the period is not counted yet. The tick that counts does so within seconds."""


class Part(NamedTuple):
    """What falls to a priority or a department."""

    name: str
    created: int
    created_before: int
    resolved: int
    resolved_before: int
    backlog: int


@dataclass(frozen=True)
class Figures:
    as_of: datetime  # all that was committed before is counted
    now: Mapping[str, Any]  # as `performance` tells them
    before: Mapping[str, Any]
    backlog: int  # what is open now
    by_priority: list[Part]
    by_department: list[Part]


def figures(scope: Scope, days: Days, before: Days) -> Figures:
    """Everything that a report tells, as of one moment.

    :raises NotCounted: the figures have not come as far as the end of `days`.
    """
    spans = [Span(days.starts_at, days.ends_at), Span(before.starts_at, before.ends_at)]
    with one_view():
        as_of = freshness()["as_of"]
        if as_of is None or as_of < days.ends_at:
            raise NotCounted("The figures of the period are not counted yet.")
        counts, times = counts_in(scope, spans), times_in(scope, spans).total
        there = standings(scope)
        parts = [_parts(scope, spans, by, there) for by in (By.PRIORITY, By.DEPARTMENT)]
    now, then = (measured(*pair) for pair in zip(counts, times, strict=True))
    return Figures(as_of, now, then, there.total.live, *parts)


def _parts(scope: Scope, spans: Sequence[Span], by: By, there: Standings) -> list[Part]:
    """Those to which anything happened, or that have open tickets."""
    counts, open_now = counts_by(scope, spans, by), there.of(by)
    parts = []
    for key, name in names_of(by, scope).items():
        now, before = counts.get(key, (NOTHING, NOTHING))
        backlog = open_now.get(key, Standing()).live
        label = f"P{key}" if by is By.PRIORITY and key else name
        part = Part(
            label,
            *(now["created"], before["created"], now["resolved"], before["resolved"]),
            backlog,
        )
        if any(part[1:]):
            parts.append(part)
    return parts
