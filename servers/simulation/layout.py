"""A company's servers, made up: so many of each role, in regions and racks, each with what it needs."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

REGIONS: Final = ("eu-central", "us-east", "ap-south", "eu-north", "us-west", "sa-east")
#: Servers a rack, of a small fleet and of a large one.
RACK, LARGE_RACK, LARGE = 8, 40, 1000
#: One unit of a region: what it has of each role, and the roles that each of these needs.
UNIT: Final = (
    ("network", 1, ()),
    ("storage", 1, ("network",)),
    ("database", 2, ("storage",)),
    ("cache", 2, ("network",)),
    ("queue", 1, ("network",)),
    ("api", 4, ("database", "cache", "queue")),
    ("worker", 3, ("database", "queue")),
    ("web", 6, ("api",)),
)
ENVIRONMENTS: Final = ("production", "production", "production", "staging", "test")


@dataclass(frozen=True)
class NewServer:
    name: str
    role: str
    region: str
    host_group: str
    environment: str
    depends_on: tuple[str, ...]


def layout(count: int, *, regions: int, seed: int) -> Iterator[NewServer]:
    """Yield `count` servers, spread evenly over the first `regions` regions, each after those that it needs.

    It needs one server of every role that its role needs, of its own unit.
    """
    chance = random.Random(seed)
    for number, region in enumerate(REGIONS[:regions]):
        share = count // regions + (number < count % regions)
        yield from _region(region, share, LARGE_RACK if count > LARGE else RACK, chance)


def _region(region: str, count: int, rack: int, chance: random.Random) -> Iterator[NewServer]:
    made = unit = 0
    while True:
        environment = chance.choice(ENVIRONMENTS) if unit else "production"
        mates: dict[str, list[str]] = {}
        for role, size, needs in UNIT:
            for number in range(size):
                if made == count:
                    return
                name = f"{region}-{role}-{unit * size + number + 1:02}"
                depends_on = tuple(chance.choice(mates[needed]) for needed in needs)
                place = f"{region}-r{made // rack + 1:02}"
                yield NewServer(name, role, region, place, environment, depends_on)
                mates.setdefault(role, []).append(name)
                made += 1
        unit += 1
