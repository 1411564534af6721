"""The simulation on its tables: nothing twice, nothing lost, the same for any ticks."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from servers.lifecycle import Action, State
from servers.models import Cause, Kind, PlannedMove, Server, ServerEvent, Simulation
from servers.services.fleet import act_on, change_servers, create_servers
from servers.services.simulation import Tick, advance, change_simulation, inject
from servers.simulation.disturbances import Disturbance, DisturbanceKind
from tests.servers.fleet import NOON, make_server

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
ROLES = ("database", "api", "web", "cache")


@pytest.fixture(autouse=True)
def _simulation(db: None) -> None:
    Simulation.objects.update_or_create(
        pk=1, defaults={"seed": 3, "intensity": 30, "paused": False, "until": NOON}
    )


def make_fleet(size: int = 40, **fields: Any) -> list[Server]:
    given = {"kind": Kind.SIMULATED, "state": State.BOOTING, "state_since": NOON, **fields}
    return create_servers(
        values=[
            {
                "name": f"s{n}",
                "role": ROLES[n % 4],
                "region": f"r{n % 2}",
                "host_group": f"rack {n % 5}",
                "depends_on": [f"s{n - 1}"] if n else [],
                **given,
            }
            for n in range(size)
        ]
    )


def history() -> list[tuple[Any, ...]]:
    return list(
        ServerEvent.objects.order_by("id").values_list("server__name", "old", "new", "at", "reason")
    )


def states() -> list[tuple[Any, ...]]:
    return list(
        Server.objects.order_by("name").values_list(
            "name", "state", "state_since", "reason", "changes", "next_change_at"
        )
    )


def test_a_tick_moves_what_is_due_and_leaves_events() -> None:
    make_fleet()

    tick = advance(now=NOON + HOUR)

    assert tick == Tick(NOON + HOUR, ServerEvent.objects.count())
    assert tick.changes > 40
    assert Simulation.objects.get().until == NOON + HOUR
    event = ServerEvent.objects.earliest("id")
    assert (event.cause, event.actor) == (Cause.SIMULATION, "simulation")
    for server in Server.objects.all():
        last = server.events.latest("id")
        assert (server.state, server.state_since, server.reason) == (last.new, last.at, last.reason)
        assert server.changes == server.events.count()


@pytest.mark.parametrize("seconds", [240, 1700])
def test_the_tables_go_the_same_way_however_time_is_cut(seconds: int) -> None:
    def play(step: timedelta) -> tuple[Any, Any]:
        Server.objects.all().delete()
        PlannedMove.objects.all().delete()
        Simulation.objects.update(until=NOON)
        make_fleet(16)
        now = NOON
        while now < NOON + 2 * HOUR:
            now = min(now + step, NOON + 2 * HOUR)
            advance(now=now)
        return history(), states()

    whole = play(HOUR)

    assert play(timedelta(seconds=seconds)) == whole
    assert len(whole[0]) > 50


def test_a_tick_that_comes_twice_finds_nothing_to_do() -> None:
    make_fleet()
    advance(now=NOON + HOUR)
    before = history(), states()

    assert advance(now=NOON + HOUR).changes == 0
    assert advance(now=NOON).changes == 0  # by a clock that is behind

    assert (history(), states()) == before


@pytest.mark.django_db(transaction=True)
def test_ticks_at_once_apply_everything_once() -> None:
    make_fleet()
    ticks: list[Tick] = []

    def tick() -> None:
        try:
            ticks.append(advance(now=NOON + HOUR))
        finally:
            connection.close()

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(tick.changes for tick in ticks)[:2] == [0, 0]
    assert sum(tick.changes for tick in ticks) == ServerEvent.objects.count()
    numbers = [server.changes for server in Server.objects.all()]
    assert sum(numbers) == ServerEvent.objects.count()


def test_after_a_long_silence_an_hour_goes_by_in_each_tick() -> None:
    assert advance(now=NOON + 3 * HOUR).until == NOON + HOUR
    assert advance(now=NOON + 3 * HOUR).until == NOON + 2 * HOUR


def test_monitored_servers_are_not_simulated() -> None:
    make_fleet(4, kind=Kind.MONITORED)

    assert advance(now=NOON + HOUR).changes == 0


def test_a_tick_with_nothing_due_costs_as_little_with_many_servers(
    django_assert_num_queries: Any,
) -> None:
    make_fleet(100, state=State.RUNNING)
    Simulation.objects.update(intensity=0)
    advance(now=NOON + timedelta(minutes=1))

    with django_assert_num_queries(4 + 2):  # lock, planned, due, until; a savepoint
        advance(now=NOON + timedelta(minutes=2))


def test_what_a_person_does_draws_a_new_future() -> None:
    [server] = make_fleet(1)
    advance(now=NOON + timedelta(minutes=10))

    act_on(ids=[server.pk], action=Action.STOP, actor="ana", now=NOON + HOUR / 2)
    advance(now=NOON + HOUR)
    server.refresh_from_db()
    assert (server.state, server.next_change_at) == (State.STOPPED, None)

    act_on(ids=[server.pk], action=Action.START, actor="ana", now=NOON + HOUR)
    advance(now=NOON + 2 * HOUR)
    server.refresh_from_db()
    assert server.next_change_at > NOON + 2 * HOUR
    after = server.events.filter(at__gt=NOON + HOUR).order_by("id")
    assert after[0].old == State.BOOTING


def test_a_server_that_is_monitored_from_now_on_is_left_alone() -> None:
    [server] = make_fleet(1)
    advance(now=NOON + timedelta(seconds=1))

    change_servers(ids=[server.pk], values={"kind": Kind.MONITORED})

    server.refresh_from_db()
    assert server.next_change_at is None


def test_a_pause_lasts_until_it_is_over_and_nothing_is_lost_by_it() -> None:
    make_fleet()
    advance(now=NOON + timedelta(minutes=10))
    before = history()
    expected = dict(Server.objects.values_list("name", "next_change_at"))

    change_simulation(values={"paused": True}, now=NOON + timedelta(minutes=10))
    assert advance(now=NOON + 5 * HOUR).changes == 0
    change_simulation(values={"paused": False}, now=NOON + timedelta(minutes=10) + 5 * HOUR)

    assert history() == before
    shifted = dict(Server.objects.values_list("name", "next_change_at"))
    assert shifted == {name: at + 5 * HOUR for name, at in expected.items()}


def test_another_seed_is_another_future() -> None:
    make_fleet(3)
    advance(now=NOON + timedelta(minutes=10))
    before = states()

    change_simulation(values={"seed": 99}, now=NOON + timedelta(minutes=10))
    advance(now=NOON + timedelta(minutes=10, seconds=1))

    assert states() != before
    assert Simulation.objects.get().seed == 99


def outage(at: datetime, **where: Any) -> Disturbance:
    return Disturbance(DisturbanceKind.OUTAGE, at, HOUR / 2, **where)


@pytest.mark.parametrize(
    ("where", "count"),
    [({"region": "r1"}, 20), ({"host_group": "rack 2"}, 8), ({"server": "s7"}, 1), ({}, 40)],
)
def test_a_scenario_strikes_the_servers_that_it_names(where: dict[str, str], count: int) -> None:
    make_fleet(40, state=State.RUNNING)
    make_server("real", region="r1", host_group="rack 2")
    Simulation.objects.update(intensity=0)
    advance(now=NOON + timedelta(seconds=1))

    assert inject(disturbances=[outage(NOON + HOUR / 6, **where)], now=NOON) == count
    advance(now=NOON + HOUR / 3)

    struck = ServerEvent.objects.filter(reason__startswith="outage of")
    assert struck.count() == count
    assert not PlannedMove.objects.exists()


def test_what_should_have_begun_begins_at_once() -> None:
    make_fleet(4, state=State.RUNNING)
    Simulation.objects.update(intensity=0)
    advance(now=NOON + HOUR)

    inject(disturbances=[outage(NOON, server="s1")], now=NOON + HOUR)
    advance(now=NOON + HOUR + timedelta(minutes=2))

    event = ServerEvent.objects.get(server__name="s1", new=State.FAILED)
    assert event.at > NOON + HOUR


def test_by_chance_places_are_struck_too() -> None:
    make_fleet(40, state=State.RUNNING)
    Simulation.objects.update(intensity=500)

    advance(now=NOON + HOUR)

    planned = set(PlannedMove.objects.values_list("reason", flat=True))
    assert any(reason.startswith("outage of rack") for reason in planned)
    assert any(reason.startswith("deploy of") for reason in planned)
