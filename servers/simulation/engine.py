"""Moving a whole fleet on, with what failures do to the servers that depend on what failed."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from servers.lifecycle import State
from servers.simulation.disturbances import LOOKAHEAD, cascade
from servers.simulation.machine import Change, Machine, Planned, World, draw, run


@dataclass(frozen=True)
class Fleet:
    """Where the servers come from, many at a time."""

    load: Callable[[Collection[int]], list[Machine]]
    #: Of each server the (id, name) of those that need it.
    dependents: Callable[[Collection[int]], Mapping[int, list[tuple[int, str]]]]


@dataclass(frozen=True)
class Advanced:
    changes: list[Change]  # in the order in which they happened
    later: list[Planned]  # after `until`
    machines: list[Machine]  # all that were moved or drawn


def advance(
    *,
    due: Iterable[Machine],
    planned: Iterable[Planned],
    fleet: Fleet,
    since: datetime,
    until: datetime,
    world: World,
) -> Advanced:
    """Let everything happen that is due after `since` and until `until`.

    `due` are all machines that change by themselves until then or have nothing drawn yet, `planned` all moves from
    outside until then. Time is cut into slices no longer than a cascade takes to arrive: within a slice no machine
    depends on another, so each is run alone, and the result is that of going through all changes in order.
    """
    machines = {machine.pk: machine for machine in due}
    for machine in machines.values():
        if machine.next_change_at is None:
            draw(machine, max(since, machine.state_since), world)
    waiting: dict[int, set[int]] = defaultdict(set)  # slice -> machines that change in it
    moves: dict[int, dict[int, list[Planned]]] = defaultdict(lambda: defaultdict(list))
    changes: list[Change] = []
    later: list[Planned] = []

    def plan(new: Iterable[Planned]) -> None:
        for move in new:
            if move.at > until:
                later.append(move)
            else:
                moves[_slice(move.at, since)][move.server].append(move)

    def wait(machine: Machine) -> None:
        if machine.next_change_at is not None and machine.next_change_at <= until:
            waiting[_slice(machine.next_change_at, since)].add(machine.pk)

    plan(planned)
    for machine in machines.values():
        wait(machine)
    for number in range(_slice(until, since) + 1):
        struck, active = moves.pop(number, {}), waiting.pop(number, set())
        if missing := struck.keys() - machines.keys():
            machines |= {machine.pk: machine for machine in fleet.load(missing)}
        end = min(since + LOOKAHEAD * (number + 1), until)
        made: list[Change] = []
        for pk in active | (struck.keys() & machines.keys()):
            made += run(machines[pk], struck.get(pk, ()), end, world)
            wait(machines[pk])
        failures = [change for change in made if change.new is State.FAILED]
        if failures:
            dependents = fleet.dependents({change.server for change in failures})
            for change in failures:
                role = machines[change.server].role
                plan(cascade(change, role, dependents.get(change.server, ()), world))
        changes += made
    changes.sort(key=lambda change: (change.at, change.name, change.number))
    return Advanced(changes, later, list(machines.values()))


def _slice(at: datetime, since: datetime) -> int:
    """The slice that `at` falls into. Each ends with its last moment, which belongs to it."""
    return max(0, -((since - at) // LOOKAHEAD) - 1)
