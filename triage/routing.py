"""Where a ticket goes: an ordered table, first match wins, the default last."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from triage.terms import Matcher, Term, words_of


@dataclass(frozen=True)
class RoutingSpec:
    """One route. Empty conditions match everything; all conditions of a route must hold."""

    id: int
    position: int
    name: str
    department: str
    group: str | None = None
    categories: frozenset[str] = frozenset()
    terms: tuple[Term, ...] = ()
    tiers: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    max_priority: int | None = None
    is_default: bool = False


class Facts(NamedTuple):
    """What routes ask about a ticket. `category` is "" when none can be trusted."""

    category: str
    title: str
    description: str
    tier: str
    source: str
    priority: int


class Route(NamedTuple):
    department: str
    group: str | None
    rule_id: int
    rule_name: str
    reason: str


@dataclass(frozen=True)
class RoutingTable:
    """Routes in the order in which they are asked."""

    routes: tuple[RoutingSpec, ...]
    _matchers: tuple[Matcher | None, ...] = field(default=())

    @classmethod
    def build(cls, specs: Iterable[RoutingSpec]) -> "RoutingTable":
        """:raises ValueError: there is not exactly one default route."""
        routes = sorted(specs, key=lambda route: (route.is_default, route.position, route.id))
        if sum(route.is_default for route in routes) != 1:
            raise ValueError("A routing table needs exactly one default route.")
        matchers = (Matcher.compile(t.text for t in r.terms) if r.terms else None for r in routes)
        return cls(tuple(routes), tuple(matchers))


def route(table: RoutingTable, facts: Facts) -> Route:
    """Return where the first matching route leads. The default matches everything."""
    words = words_of(f"{facts.title}\n{facts.description}") if any(table._matchers) else []
    for spec, matcher in zip(table.routes, table._matchers, strict=True):
        if spec.is_default:
            reason = f"No other route matched: “{spec.name}”."
            return Route(spec.department, spec.group, spec.id, spec.name, reason)
        if not _holds(spec, facts):
            continue
        found = matcher.find(words) if matcher else set()
        if matcher is None or found:
            why = f"category {facts.category}" if spec.categories else "its conditions"
            quoted = ", ".join(f"“{spec.terms[key].text}”" for key in sorted(found))
            reason = f"Route “{spec.name}” matched {why}" + (
                f" and found {quoted}." if quoted else "."
            )
            return Route(spec.department, spec.group, spec.id, spec.name, reason)
    raise AssertionError("unreachable: the default route matches everything")


def _holds(spec: RoutingSpec, facts: Facts) -> bool:
    return (
        (not spec.categories or facts.category in spec.categories)
        and (not spec.tiers or facts.tier in spec.tiers)
        and (not spec.sources or facts.source in spec.sources)
        and (spec.max_priority is None or facts.priority <= spec.max_priority)
    )
