"""The model of simulated servers: the same for any cut of time, always legal, and as often as its rates say."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servers.lifecycle import MOVES, State
from servers.models import Role
from servers.simulation import disturbances
from servers.simulation.chance import exponential, uniform
from servers.simulation.disturbances import Disturbance, DisturbanceKind, Place, by_chance, moves
from servers.simulation.engine import Fleet, advance
from servers.simulation.machine import Change, Machine, Planned, World, draw, run
from servers.simulation.rates import CHARACTERS, FLAPPING, rates
from tests.servers.fleet import NOON

HOUR = timedelta(hours=1)


class Play:
    """A fleet in memory that is moved on step by step, as the tables are."""

    def __init__(self, machines: list[Machine], links: list[tuple[int, int]], world: World) -> None:
        self.machines = {machine.pk: replace(machine) for machine in machines}
        self.world, self.until = world, NOON
        self.needed_by: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for server, needs in links:
            self.needed_by[needs].append((server, self.machines[server].name))
        self.planned: list[Planned] = []
        self.changes: list[Change] = []

    def to(self, until: datetime) -> "Play":
        due = [
            replace(machine)
            for machine in self.machines.values()
            if machine.state is not State.STOPPED
            and (machine.next_change_at is None or machine.next_change_at <= until)
        ]
        done = advance(
            due=due,
            planned=[move for move in self.planned if move.at <= until],
            fleet=Fleet(
                lambda ids: [replace(self.machines[pk]) for pk in ids],
                lambda ids: {pk: self.needed_by[pk] for pk in ids},
            ),
            since=self.until,
            until=until,
            world=self.world,
        )
        self.machines |= {machine.pk: machine for machine in done.machines}
        self.planned = [move for move in self.planned if move.at > until] + done.later
        self.changes += done.changes
        self.until = until
        return self


ROLES = list(Role.values)


def fleet(size: int, state: State = State.BOOTING) -> list[Machine]:
    return [Machine(pk, f"s{pk}", ROLES[pk % len(ROLES)], state, NOON) for pk in range(size)]


#: Each server needs the one before it: failures travel far.
def chain(size: int) -> list[tuple[int, int]]:
    return [(pk, pk - 1) for pk in range(1, size)]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**63 - 1),
    cuts=st.lists(st.floats(0, 6 * 3600), max_size=8).map(sorted),
    struck_at=st.floats(0, 5 * 3600),
)
def test_a_fleet_goes_the_same_way_however_time_is_cut(
    seed: int, cuts: list[float], struck_at: float
) -> None:
    world, end = World(seed, intensity=40), NOON + 6 * HOUR
    outage = Disturbance(
        DisturbanceKind.OUTAGE,
        NOON + timedelta(seconds=struck_at),
        timedelta(minutes=20),
        "eu-1",
        share=0.5,
    )

    def play() -> Play:
        one = Play(fleet(18), chain(18), world)
        one.planned = list(moves(outage, [(pk, f"s{pk}") for pk in range(18)], world))
        return one

    at_once, cut = play().to(end), play()
    for seconds in cuts:
        cut.to(NOON + timedelta(seconds=seconds))
    cut.to(end)

    assert cut.changes == at_once.changes
    assert cut.machines == at_once.machines
    assert len(at_once.changes) > 18


@settings(max_examples=40)
@given(seed=st.integers(0, 2**63 - 1), intensity=st.sampled_from([0.0, 1.0, 100.0]))
def test_every_change_is_a_move_of_the_lifecycle_and_follows_the_one_before(
    seed: int, intensity: float
) -> None:
    world = World(seed, intensity)
    play = Play(fleet(18), chain(18), world)
    for kind in DisturbanceKind:
        one = Disturbance(kind, NOON + HOUR, HOUR, "eu-1", share=0.7)
        play.planned += moves(one, [(pk, f"s{pk}") for pk in range(18)], world)

    play.to(NOON + 6 * HOUR)

    seen = dict.fromkeys(range(18), (State.BOOTING, 0, NOON))
    for change in play.changes:
        state, number, at = seen[change.server]
        assert change.old is state
        assert change.new in MOVES[state]
        assert change.number == number + 1
        assert change.at >= at
        assert change.reason
        seen[change.server] = (change.new, change.number, change.at)
    assert [change.at for change in play.changes] == sorted(change.at for change in play.changes)


def test_a_server_goes_its_own_way_whoever_else_is_there() -> None:
    world = World(7, 20)
    alone = Play(fleet(30)[3:4], [], world).to(NOON + 24 * HOUR)
    among = Play(fleet(30), [], world).to(NOON + 24 * HOUR)

    assert alone.changes == [change for change in among.changes if change.server == 3]
    assert alone.changes != []


def test_another_seed_is_another_history() -> None:
    one, other = (Play(fleet(5), [], World(seed)).to(NOON + 24 * HOUR) for seed in (1, 2))

    assert [change.at for change in one.changes] != [change.at for change in other.changes]


@pytest.mark.parametrize("role", ["web", "database"])
def test_the_shares_of_states_are_those_of_the_theory(role: str) -> None:
    world = World(1, intensity=60)
    machines = [
        Machine(pk, f"{role}-{pk}", role, State.BOOTING, NOON)
        for pk in range(1200)
        if uniform(1, f"{role}-{pk}", NOON.date(), "flaps") > 0.002 * 60
    ]
    play = Play(machines, [], world).to(NOON + 11 * HOUR)

    counts = Counter(machine.state for machine in play.machines.values())

    for state, share in stationary(rates(role, 60)).items():
        deviation = (share * (1 - share) / len(machines)) ** 0.5
        assert counts[state] / len(machines) == pytest.approx(share, abs=4.5 * deviation), state


def stationary(table: dict[State, tuple[tuple[State, float], ...]]) -> dict[State, float]:
    """The shares at which as much flows into each state as out of it."""
    states = list(table)
    flow = numpy.zeros((len(states), len(states)))
    for source, ways in table.items():
        for target, rate in ways:
            flow[states.index(target), states.index(source)] += rate
            flow[states.index(source), states.index(source)] -= rate
    flow[-1] = 1
    solved = numpy.linalg.solve(flow, [0] * (len(states) - 1) + [1])
    return dict(zip(states, solved, strict=True))


def test_a_stay_is_as_long_on_average_as_its_rate_says() -> None:
    machines = [Machine(pk, f"s{pk}", "web", State.FAILED, NOON) for pk in range(4000)]
    for machine in machines:
        draw(machine, NOON, World(3, intensity=0))

    mean = sum((machine.next_change_at - NOON).total_seconds() for machine in machines) / 4000

    assert mean == pytest.approx(60 * CHARACTERS["web"].repair_minutes, rel=0.06)


def test_at_intensity_zero_nothing_breaks() -> None:
    play = Play(fleet(50), chain(50), World(5, 0)).to(NOON + 1000 * HOUR)

    assert {change.new for change in play.changes} == {State.RUNNING}
    assert {machine.state for machine in play.machines.values()} == {State.RUNNING}


def test_a_stopped_server_stays_stopped_whatever_strikes_it() -> None:
    machine = Machine(1, "s1", "web", State.STOPPED, NOON)
    planned = [Planned(1, NOON + HOUR, to, "outage") for to in (State.FAILED, State.BOOTING)]

    assert run(machine, planned, NOON + 24 * HOUR, World(1, 100)) == []


def test_what_was_planned_before_a_person_moved_the_server_is_none() -> None:
    machine = Machine(1, "s1", "web", State.RUNNING, NOON + HOUR)

    planned = [Planned(1, NOON + HOUR / 2, State.FAILED, "outage", HOUR)]
    assert run(machine, planned, NOON + 2 * HOUR, World(1, 0)) == []


def test_a_flapping_server_fails_again_and_again_on_its_day() -> None:
    world = World(1, 1)
    name = next(n for n in map(str, range(10_000)) if uniform(1, n, NOON.date(), "flaps") < 0.002)
    play = Play([Machine(1, name, "web", State.BOOTING, NOON)], [], world).to(NOON + 11 * HOUR)

    fails = sum(change.new is State.FAILED for change in play.changes)

    assert 40 < fails < 120  # every 9 minutes
    assert set(FLAPPING) == set(State) - {State.STOPPED}


def test_a_failure_reaches_those_who_need_it_no_sooner_than_the_lookahead() -> None:
    world = World(4, 0)
    machines = [Machine(0, "db", "database", State.RUNNING, NOON)]
    machines += [Machine(pk, f"s{pk}", "web", State.RUNNING, NOON) for pk in range(1, 400)]
    play = Play(machines, [(pk, 0) for pk in range(1, 400)], world)
    play.planned = [Planned(0, NOON + HOUR, State.FAILED, "disk full")]

    play.to(NOON + HOUR + disturbances.LONGEST_DELAY)

    struck = [change for change in play.changes if change.reason == "needs db, which failed"]
    assert len(struck) == pytest.approx(400 * CHARACTERS["database"].cascades, abs=45)
    assert {change.new for change in struck} == {State.DEGRADED, State.FAILED}
    delays = [change.at - NOON - HOUR for change in struck]
    assert min(delays) >= disturbances.LOOKAHEAD
    assert max(delays) <= disturbances.LONGEST_DELAY


def test_an_outage_lasts_at_least_as_long_as_it_was_said_to() -> None:
    world = World(9, 0)
    servers = [(pk, f"s{pk}") for pk in range(100)]
    outage = Disturbance(DisturbanceKind.OUTAGE, NOON + HOUR, HOUR, region="eu-1", share=0.5)
    play = Play(fleet(100, State.RUNNING), [], world)
    play.planned = list(moves(outage, servers, world))

    play.to(NOON + 2 * HOUR)

    failed = [machine for machine in play.machines.values() if machine.state is State.FAILED]
    assert 35 < len(failed) < 65
    assert {machine.reason for machine in failed} == {"outage of eu-1"}
    play.to(NOON + 9 * HOUR)
    assert {machine.state for machine in play.machines.values()} == {State.RUNNING}


def test_a_deploy_restarts_all_one_after_another_and_a_bad_one_breaks_its_share() -> None:
    servers = [(pk, f"s{pk}") for pk in range(100)]
    good = Disturbance(DisturbanceKind.DEPLOY, NOON, HOUR, "eu-1", role="web", share=0)
    bad = replace(good, share=0.3)

    planned = list(moves(good, servers, World(1)))
    broken = [move for move in moves(bad, servers, World(1)) if move.to is State.FAILED]

    assert [move.to for move in planned] == [State.BOOTING] * 100
    assert len({move.at for move in planned}) == 100
    assert (
        NOON <= min(move.at for move in planned) <= max(move.at for move in planned) < NOON + HOUR
    )
    assert 15 < len(broken) < 45


def test_chance_strikes_places_as_often_as_it_should() -> None:
    places = [Place(f"r{n % 20}", f"rack {n}", "web") for n in range(400)]
    hours = [NOON + n * HOUR for n in range(300)]

    struck = [one for hour in hours for one in by_chance(places, hour, World(2, 10))]

    racks = sum(one.host_group != "" for one in struck)
    deploys = sum(one.kind is DisturbanceKind.DEPLOY for one in struck)
    regions = len(struck) - racks - deploys
    assert racks == pytest.approx(400 * 300 * 10 * disturbances.RACK_OUTAGE, rel=0.15)
    assert regions == pytest.approx(20 * 300 * 10 * disturbances.REGION_OUTAGE, rel=0.4)
    assert deploys == pytest.approx(20 * 300 * 10 * disturbances.DEPLOY, rel=0.1)
    assert struck == [one for hour in hours for one in by_chance(places[::-1], hour, World(2, 10))]


@given(st.integers(0, 2**63 - 1), st.text(), st.integers())
def test_chance_lies_between_nothing_and_one(seed: int, name: str, number: int) -> None:
    assert 0 < uniform(seed, name, number) < 1
    assert exponential(5, uniform(seed, name, number)) > 0


def test_every_role_has_its_rates() -> None:
    assert set(CHARACTERS) == set(Role.values)


def test_the_documented_rates_are_those_of_the_model() -> None:
    page = (Path(__file__).parents[2] / "docs" / "servers.md").read_text()

    for role, one in CHARACTERS.items():
        row = (
            f"| {role} | {one.fails_after_hours} h | {one.degrades_after_hours} h "
            f"| {one.repair_minutes} min | {one.boot_seconds} s | {one.cascades:.0%}"
        ).replace("%", " %")
        assert row in page
