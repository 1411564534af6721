"""What strikes many servers at once: outages of regions and racks, deploys, cascades."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from servers.lifecycle import State
from servers.simulation.chance import exponential, uniform
from servers.simulation.machine import Change, Planned, World
from servers.simulation.rates import CHARACTERS

HOUR: Final = timedelta(hours=1)
#: Chances per hour at intensity 1, of each region, of each rack, of each role in each region.
REGION_OUTAGE, RACK_OUTAGE, DEPLOY = 1 / 720, 1 / 2000, 1 / 24
REGION_MINUTES, RACK_MINUTES, DEPLOY_MINUTES = 20.0, 15.0, 10.0
SHORTEST_DOWN: Final = timedelta(minutes=2)
LONGEST_OUTAGE: Final = timedelta(hours=2)
REGION_SHARE, RACK_SHARE = 0.6, 0.9  # of the servers there
BAD_DEPLOYS: Final = 0.1
BAD_DEPLOY_FAILS: Final = 0.3  # of the servers of a bad one

#: A cascade arrives so late at the earliest: nothing that happens within this time can depend on one another.
LOOKAHEAD: Final = timedelta(seconds=30)
LONGEST_DELAY: Final = timedelta(seconds=150)
CASCADE_FAILS: Final = 0.3  # of those that suffer; the others degrade


class DisturbanceKind(StrEnum):
    OUTAGE = "outage"
    DEPLOY = "deploy"


@dataclass(frozen=True)
class Place:
    region: str
    host_group: str
    role: str


@dataclass(frozen=True)
class Disturbance:
    """Something that strikes the servers of a region for a while: all, or those of a rack or a role."""

    kind: DisturbanceKind
    at: datetime
    duration: timedelta
    region: str
    host_group: str = ""
    role: str = ""
    #: How many of them it strikes. Of a deploy: how many come up broken; all are restarted.
    share: float = 1.0

    @property
    def reason(self) -> str:
        return f"{self.kind} of {' '.join(filter(None, (self.role, self.host_group, self.region)))}"


def by_chance(places: Iterable[Place], hour: datetime, world: World) -> Iterator[Disturbance]:
    """Yield what strikes `places` within the hour that begins at `hour`: of each kind at most once each."""

    def happens(chance: float, *what: object) -> bool:
        return uniform(world.seed, *what, hour) < chance * world.intensity

    def within(*what: object) -> datetime:
        return hour + HOUR * uniform(world.seed, *what, hour, "at")

    def outage(minutes: float, *what: object) -> timedelta:
        length = exponential(minutes, uniform(world.seed, *what, hour, "length"))
        return min(timedelta(minutes=length), LONGEST_OUTAGE)

    everywhere = sorted(places, key=lambda place: (place.region, place.host_group, place.role))
    for region in sorted({place.region for place in everywhere}):
        what: tuple[str, ...] = ("region", region)
        if region and happens(REGION_OUTAGE, *what):
            yield Disturbance(
                DisturbanceKind.OUTAGE, within(*what), outage(REGION_MINUTES, *what), region,
                share=REGION_SHARE,
            )  # fmt: skip
    for region, rack in sorted({(place.region, place.host_group) for place in everywhere}):
        what = ("rack", region, rack)
        if rack and happens(RACK_OUTAGE, *what):
            yield Disturbance(
                DisturbanceKind.OUTAGE, within(*what), outage(RACK_MINUTES, *what), region, rack,
                share=RACK_SHARE,
            )  # fmt: skip
    for region, role in sorted({(place.region, place.role) for place in everywhere}):
        what = ("deploy", region, role)
        if happens(DEPLOY, *what):
            bad = uniform(world.seed, *what, hour, "bad") < BAD_DEPLOYS
            yield Disturbance(
                DisturbanceKind.DEPLOY, within(*what), timedelta(minutes=DEPLOY_MINUTES), region,
                role=role, share=BAD_DEPLOY_FAILS if bad else 0.0,
            )  # fmt: skip


def moves(
    disturbance: Disturbance, servers: Sequence[tuple[int, str]], world: World
) -> Iterator[Planned]:
    """Yield what `disturbance` does to `servers` (id, name)."""
    one, end = disturbance, disturbance.at + disturbance.duration

    def share(name: str, of: str) -> float:
        return uniform(world.seed, one.kind, one.at, name, of)

    for place, (pk, name) in enumerate(sorted(servers, key=lambda server: server[1])):
        struck = share(name, "struck") < one.share
        # Not all in the same second, and not all well again in one.
        begin = one.at + one.duration * 0.05 * share(name, "begin")
        stay = end - begin + one.duration * 0.1 * share(name, "end")
        if one.kind is DisturbanceKind.DEPLOY:
            begin = one.at + one.duration * (place / len(servers))
            yield Planned(pk, begin, State.BOOTING, one.reason)
            if struck:
                broken = begin + timedelta(seconds=20)
                yield Planned(
                    pk, broken, State.FAILED, f"bad {one.reason}", max(end - broken, SHORTEST_DOWN)
                )
        elif struck:
            yield Planned(pk, begin, State.FAILED, one.reason, stay)


def cascade(
    failure: Change, role: str, dependents: Iterable[tuple[int, str]], world: World
) -> Iterator[Planned]:
    """Yield what the failure of a server of `role` does to the servers (id, name) that need it."""
    for pk, name in dependents:
        what = ("cascade", failure.name, failure.number, name)
        if uniform(world.seed, *what) < CHARACTERS[role].cascades:
            delay = (LONGEST_DELAY - LOOKAHEAD) * uniform(world.seed, *what, "delay")
            fails = uniform(world.seed, *what, "fails") < CASCADE_FAILS
            yield Planned(
                pk,
                failure.at + LOOKAHEAD + delay,
                State.FAILED if fails else State.DEGRADED,
                f"needs {failure.name}, which failed",
            )
