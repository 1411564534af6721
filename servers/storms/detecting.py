"""Which of the incidents that came in the last minutes are a storm, and what its incidents share.

A storm is what its own history does not explain: so many incidents with the same labels, or with titles of one
kind, that chance would hardly ever bring them (Poisson), compared with the usual rate of just these labels.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, NamedTuple

from servers.storms.titles import alike, template

#: Labels that say how grave an incident is, not what or where it is.
GRAVITY: Final = frozenset({"severity", "priority", "level"})
#: Labels whose values name single things, which titles repeat.
NAMES: Final = ("server", "instance", "host", "hostname", "node", "pod")
#: A burst counts when chance would bring it less often than e^-25: incidents come in small groups, which Poisson
#: does not know of,
LEAST_SURPRISE: Final = 25.0
#: and when it is so many times the usual.
LEAST_RATIO: Final = 4.0
#: What nobody ever saw is expected so often, for want of a better guess.
UNSEEN: Final = 0.1
#: A label set says something about a burst when it grew so much more than all incidents together.
TELLING: Final = 2.0
#: So much of a burst a more exact label set must cover to stand for it.
MOST: Final = 0.8
#: So many candidates are compared with their history: single ones first, those with the most incidents.
CANDIDATES: Final = 60


@dataclass(frozen=True)
class Pattern:
    """What incidents share: labels, or a kind of title. The empty one is shared by all."""

    labels: tuple[tuple[str, str], ...] = ()
    title: str = ""

    def matches(self, seen: "Seen") -> bool:
        if self.title:
            return alike(self.title, seen.template)
        return all(seen.labels.get(name) == value for name, value in self.labels)

    def __str__(self) -> str:
        if self.title:
            return f"titles like “{self.title}”"
        return " and ".join(f"{name}={value}" for name, value in self.labels)


ALL: Final = Pattern()


@dataclass(frozen=True)
class Seen:
    """An incident as the detector sees it."""

    key: int
    labels: Mapping[str, str]
    title: str
    template: str = field(init=False)

    def __post_init__(self) -> None:
        names = [self.labels[name] for name in NAMES if name in self.labels]
        object.__setattr__(self, "template", template(self.title, names))


class Found(NamedTuple):
    """A storm: what its incidents share, which they are, and how many of them are usual."""

    pattern: Pattern
    keys: frozenset[int]
    expected: float


def candidates(seen: Sequence[Seen], *, least: int) -> dict[Pattern, frozenset[int]]:
    """What at least `least` incidents share: single labels, pairs of them, and kinds of titles."""
    groups: dict[Pattern, set[int]] = defaultdict(set)
    counts = Counter(item for one in seen for item in _items(one))
    frequent = {item for item, count in counts.items() if count >= least}
    kinds = [title for title, _ in Counter(one.template for one in seen).most_common(CANDIDATES)]
    leaders: list[str] = []
    for title in kinds:
        if not any(alike(leader, title) for leader in leaders):
            leaders.append(title)
    for one in seen:
        items = sorted(frequent & _items(one))
        for size in (1, 2):
            for labels in combinations(items, size):
                groups[Pattern(labels)].add(one.key)
        for leader in leaders:
            if alike(leader, one.template):
                groups[Pattern(title=leader)].add(one.key)
    shared = [(pattern, keys) for pattern, keys in groups.items() if len(keys) >= least]
    shared.sort(key=lambda one: (len(one[0].labels) > 1, -len(one[1]), str(one[0])))
    return {pattern: frozenset(keys) for pattern, keys in shared[:CANDIDATES]}


def _items(seen: Seen) -> set[tuple[str, str]]:
    return {(name, value) for name, value in seen.labels.items() if value and name not in GRAVITY}


def surprise(count: int, expected: float) -> float:
    """How unlikely `count` or more are where `expected` are usual: -ln of a bound on the Poisson tail."""
    usual = max(expected, UNSEEN)
    return count * math.log(count / usual) - count + usual if count > usual else 0.0


def is_unusual(count: int, expected: float, *, least: int) -> bool:
    enough = count >= least and count >= LEAST_RATIO * expected
    return enough and surprise(count, expected) >= LEAST_SURPRISE


def find_storms(
    seen: Iterable[Seen], expected: Mapping[Pattern, float], *, least: int
) -> list[Found]:
    """The storms among `seen`, the widest first; each incident belongs to one at most.

    `expected`: how many incidents of each candidate, and of `ALL`, are usual in the time in which these came.
    """
    left, found = list(seen), []
    while len(left) >= least:
        groups = {p: keys for p, keys in candidates(left, least=least).items() if p in expected}
        unusual = {
            pattern: keys
            for pattern, keys in groups.items()
            if is_unusual(len(keys), expected[pattern], least=least)
        }
        if not unusual:
            break
        pattern = _choose(unusual, expected, len(left))
        found.append(Found(pattern, unusual[pattern], expected[pattern]))
        left = [one for one in left if one.key not in unusual[pattern]]
    return found


def _choose(
    groups: Mapping[Pattern, frozenset[int]], expected: Mapping[Pattern, float], total: int
) -> Pattern:
    """The most exact pattern that covers most of the widest burst.

    Labels that everything has, such as production, grow with every storm and tell nothing of it, unless nothing
    else does.
    """

    def growth(pattern: Pattern, count: int) -> float:
        return count / max(expected[pattern], UNSEEN)

    usual = TELLING * growth(ALL, total)
    telling = [p for p, keys in groups.items() if growth(p, len(keys)) >= usual] or list(groups)
    widest = groups[max(telling, key=lambda p: (len(groups[p]), len(p.labels)))]
    covering = [p for p in telling if len(groups[p] & widest) >= MOST * len(widest)]
    return max(
        covering,
        key=lambda p: (len(p.labels), surprise(len(groups[p]), expected[p]), str(p)),
    )


class Past(NamedTuple):
    """How many incidents of a pattern came in some stretch of its history."""

    incidents: int
    seconds: float


def usual_rate(pasts: Iterable[Past], *, seconds: float) -> float:
    """How many come in `seconds`, by the busiest of several stretches: all days, this time of day, …"""
    rates = [past.incidents / past.seconds for past in pasts if past.seconds > 0]
    return max(rates, default=0.0) * seconds
