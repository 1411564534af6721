"""The simulation on its tables: nothing twice, nothing lost, the same for any ticks."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from servers.lifecycle import Action, State
from servers.models import Cause, Kind, PlannedMove, Server, ServerEvent, Simulation
from servers.services.fleet import act_on, change_servers, create_servers
from servers.services.simulation import Tick, advance, change_simulation
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


def plan(server: Server, at: datetime, to: State = State.FAILED) -> None:
    PlannedMove.objects.create(server=server, at=at, to=to, stay=HOUR, reason="outage")


def test_what_was_to_happen_before_a_person_acted_does_not_happen_after_it() -> None:
    [server] = make_fleet(1, state=State.FAILED)
    advance(now=NOON + timedelta(seconds=1))
    plan(server, NOON + timedelta(seconds=2))
    act_on(ids=[server.pk], action=Action.RECOVER, actor="ana", now=NOON + timedelta(seconds=4))

    advance(now=NOON + timedelta(seconds=6))

    server.refresh_from_db()
    assert server.state == State.RUNNING
    assert not server.events.filter(reason="outage").exists()


def test_a_planned_move_happens_at_its_time_and_lasts_as_long_as_it_says() -> None:
    one, other = make_fleet(2, state=State.RUNNING)
    Simulation.objects.update(intensity=0)
    plan(one, NOON + HOUR / 2)
    plan(make_server("real"), NOON + HOUR / 2)

    advance(now=NOON + HOUR)

    event = ServerEvent.objects.get(new=State.FAILED)
    assert (event.server, event.at, event.reason) == (one, NOON + HOUR / 2, "outage")
    assert not PlannedMove.objects.exists()
    advance(now=NOON + 3 * HOUR / 2 - timedelta(seconds=1))
    one.refresh_from_db()
    assert one.state == State.FAILED


def test_after_a_pause_a_clock_that_went_back_brings_no_hour_again() -> None:
    make_fleet(1)
    advance(now=NOON + HOUR)
    change_simulation(values={"paused": True}, now=NOON + HOUR)

    change_simulation(values={"paused": False}, now=NOON + HOUR / 2)

    assert Simulation.objects.get().until == NOON + HOUR


@pytest.mark.django_db(transaction=True)
def test_a_tick_does_not_wait_for_what_only_refers_to_a_server() -> None:
    [server] = make_fleet(1)
    told = threading.Event()
    over = threading.Event()

    def refer() -> None:
        """As a row that names the server does until its transaction ends."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SELECT FROM servers_server WHERE id = {server.pk} FOR KEY SHARE")
            told.set()
            over.wait(20)
        connection.close()

    other = threading.Thread(target=refer)
    other.start()
    told.wait(20)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            assert advance(now=NOON + HOUR).changes > 0
    finally:
        over.set()
        other.join()


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


def test_what_strikes_servers_without_a_region_strikes_no_others() -> None:
    make_fleet(8, state=State.RUNNING)
    create_servers(
        values=[
            {"name": f"bare{n}", "role": "web", "kind": Kind.SIMULATED, "state": State.RUNNING,
             "state_since": NOON}
            for n in range(8)
        ]
    )  # fmt: skip
    Simulation.objects.update(intensity=1000)

    advance(now=NOON + HOUR)

    planned = PlannedMove.objects.exclude(reason__startswith="needs ")
    reasons = set(planned.values_list("reason", flat=True))
    assert {"deploy of web", "deploy of web r0"} <= reasons
    struck = set(planned.filter(reason="deploy of web").values_list("server__name", flat=True))
    assert struck == {f"bare{n}" for n in range(8)}
    assert not [reason for reason in reasons if reason in ("outage of ", "outage of everything")]


def test_by_chance_places_are_struck_too() -> None:
    make_fleet(40, state=State.RUNNING)
    Simulation.objects.update(intensity=500)

    advance(now=NOON + HOUR)

    planned = set(PlannedMove.objects.values_list("reason", flat=True))
    assert any(reason.startswith("outage of rack") for reason in planned)
    assert any(reason.startswith("deploy of") for reason in planned)
