"""One simulated server: a Markov chain in continuous time, moved from outside now and then."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle import MOVES, State
from servers.simulation.chance import exponential, uniform
from servers.simulation.rates import FLAPPING, FLAPPING_DAYS, REASONS, Rates, rates

#: Longer than any simulation runs.
NEVER: Final = timedelta(days=36_500)


@dataclass(frozen=True)
class World:
    """What chance follows from."""

    seed: int
    intensity: float = 1.0


@dataclass(slots=True)
class Machine:
    """A server as the simulation moves it. The fields are those of the table."""

    pk: int
    name: str
    role: str
    state: State
    state_since: datetime
    changes: int = 0
    next_change_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A move from outside. `stay`: it does not leave that state by itself before."""

    server: int
    at: datetime
    to: State
    reason: str
    stay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Change:
    server: int
    name: str
    number: int
    old: State
    new: State
    at: datetime
    reason: str


def run(
    machine: Machine, planned: Iterable[Planned], until: datetime, world: World
) -> list[Change]:
    """Move `machine` on to `until` and return its changes. `planned` are all moves from outside until then.

    A server that is stopped stays so: people start servers. A planned move that the lifecycle does not allow when
    its time comes is none, and so is one from before a person's word: a tick comes a little later than its time.
    """
    changes = []
    for move in sorted(planned, key=lambda move: (move.at, move.to, move.reason)):
        if move.at < machine.state_since:
            continue
        changes += _alone(machine, move.at, world)
        if move.to in MOVES[machine.state] and machine.state is not State.STOPPED:
            changes.append(_change(machine, move.to, move.at, move.reason, world))
        if move.to is machine.state and move.stay is not None:
            due = machine.next_change_at or move.at
            machine.next_change_at = max(due, move.at + move.stay)
    return [*changes, *_alone(machine, until, world)]


def draw(machine: Machine, since: datetime, world: World) -> None:
    """Draw when `machine`, which is as it is at `since`, changes next."""
    if machine.state is State.STOPPED:
        machine.next_change_at = None
        return
    total = sum(rate for _, rate in _rates(machine, world)[machine.state])
    share = uniform(world.seed, machine.name, machine.changes, "time")
    stay = exponential(1 / total, share) if total else NEVER.total_seconds()
    machine.next_change_at = since + min(timedelta(seconds=min(stay, NEVER.total_seconds())), NEVER)


def _alone(machine: Machine, until: datetime, world: World) -> list[Change]:
    """What happens by itself until and including `until`."""
    changes = []
    while (at := machine.next_change_at) is not None and at <= until:
        new = _next_state(machine, world)
        why = REASONS[new]
        reason = why[int(uniform(world.seed, machine.name, machine.changes, "why") * len(why))]
        changes.append(_change(machine, new, at, reason, world))
    return changes


def _next_state(machine: Machine, world: World) -> State:
    """One of the states that follow, each with the share that its rate has of all."""
    ways = _rates(machine, world)[machine.state]
    left = uniform(world.seed, machine.name, machine.changes, "to") * sum(rate for _, rate in ways)
    for state, rate in ways:
        left -= rate
        if left < 0:
            return state
    return ways[0][0]


def _rates(machine: Machine, world: World) -> Rates:
    day = machine.state_since.date()
    if uniform(world.seed, machine.name, day, "flaps") < FLAPPING_DAYS * world.intensity:
        return FLAPPING
    return rates(machine.role, world.intensity)


def _change(machine: Machine, new: State, at: datetime, reason: str, world: World) -> Change:
    change = Change(machine.pk, machine.name, machine.changes + 1, machine.state, new, at, reason)
    machine.state, machine.state_since, machine.reason = new, at, reason
    machine.changes += 1
    draw(machine, at, world)
    return change
