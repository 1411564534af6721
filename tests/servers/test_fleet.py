"""Servers come, change their state, and go."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from servers.lifecycle import MOVES, Action, State
from servers.models import Cause, Server, ServerEvent
from servers.services.fleet import (
    CircularLinks,
    IllegalMove,
    Move,
    NameTaken,
    act_on,
    change_servers,
    change_states,
    create_servers,
)
from servers.services.removing import delete_servers
from tests.servers.fleet import NOON, make_server
from tickets.services import UnknownNames

pytestmark = pytest.mark.django_db


def move(server: Server, to: State, **fields: Any) -> Move:
    given = {"cause": Cause.CHECK, "actor": "check", "at": NOON, "reason": "it says so", **fields}
    return Move(server.pk, to, **given)


def states(*servers: Server) -> list[str]:
    return [Server.objects.get(pk=server.pk).state for server in servers]


def test_a_move_changes_the_state_and_leaves_an_event() -> None:
    server = make_server()
    later = NOON + timedelta(minutes=5)

    [event] = change_states(moves=[move(server, State.FAILED, at=later, reason="no answer")])

    server.refresh_from_db()
    assert (server.state, server.state_since, server.reason) == (State.FAILED, later, "no answer")
    written = ServerEvent.objects.get()
    assert written.pk == event.pk
    assert (written.old, written.new, written.at) == (State.RUNNING, State.FAILED, later)
    assert (written.cause, written.actor, written.handled_at) == (Cause.CHECK, "check", None)


def test_a_move_to_the_present_state_is_none() -> None:
    server = make_server()

    assert change_states(moves=[move(server, State.RUNNING, strict=True)]) == []

    assert not ServerEvent.objects.exists()


def test_a_move_that_is_not_allowed_is_left_out() -> None:
    stopped, running = make_server("a", state=State.STOPPED), make_server("b")

    change_states(moves=[move(stopped, State.FAILED), move(running, State.FAILED)])

    assert states(stopped, running) == [State.STOPPED, State.FAILED]


def test_a_strict_move_that_is_not_allowed_says_what_is_and_nothing_moves() -> None:
    stopped, running = make_server("a", state=State.STOPPED), make_server("b")

    with pytest.raises(
        IllegalMove, match="a is stopped; from there it can become: booting"
    ) as error:
        change_states(moves=[move(running, State.FAILED), move(stopped, State.FAILED, strict=True)])

    assert error.value.details == {"allowed": ["booting"]}
    assert states(running) == [State.RUNNING]


def test_several_moves_of_a_server_are_made_in_their_order() -> None:
    server = make_server()

    events = change_states(
        moves=[move(server, to) for to in (State.FAILED, State.BOOTING, State.RUNNING)]
    )

    assert [event.new for event in events] == ["failed", "booting", "running"]
    assert states(server) == [State.RUNNING]
    server.refresh_from_db()
    assert server.changes == 3


def test_many_moves_cost_as_many_statements_as_few(django_assert_num_queries: Any) -> None:
    servers = create_servers(values=[{"name": f"s{n}", "state": State.RUNNING} for n in range(300)])

    with django_assert_num_queries(4 + 2):  # simulated? lock, update, insert; savepoint
        change_states(moves=[move(server, State.FAILED) for server in servers])

    assert ServerEvent.objects.count() == 300


def test_the_incidents_are_asked_to_follow_after_the_commit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(
        "servers.services.fleet.enqueue", lambda name, ids: asked.append((name, list(ids)))
    )

    [event] = change_states(moves=[move(make_server(), State.FAILED)])

    assert asked == [("servers.follow_events", [event.pk])]


@pytest.mark.django_db(transaction=True)
def test_moves_of_the_same_servers_in_any_order_do_not_block_each_other() -> None:
    servers = [make_server(f"s{n}") for n in range(20)]
    failed: list[Exception] = []

    def work(order: list[Server]) -> None:
        try:
            for to in (State.FAILED, State.BOOTING, State.RUNNING) * 5:
                change_states(moves=[move(server, to) for server in order])
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(order,)) for order in (servers, servers[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    for server in Server.objects.all():  # a chain without a gap
        chain = list(server.events.order_by("id"))
        assert [event.old for event in chain[1:]] == [event.new for event in chain[:-1]]
        assert server.changes == len(chain)


@pytest.mark.parametrize(
    ("state", "action", "to"),
    [
        (State.STOPPED, Action.START, State.BOOTING),
        (State.FAILED, Action.START, State.BOOTING),
        (State.BOOTING, Action.STOP, State.STOPPED),
        (State.RUNNING, Action.STOP, State.STOPPED),
        (State.FAILED, Action.STOP, State.STOPPED),
        (State.RUNNING, Action.FAIL, State.FAILED),
        (State.DEGRADED, Action.FAIL, State.FAILED),
        (State.FAILED, Action.RECOVER, State.RUNNING),
        (State.DEGRADED, Action.RECOVER, State.RUNNING),
    ],
)
def test_people_act_on_servers(state: State, action: Action, to: State) -> None:
    server = make_server(state=state)

    [event] = act_on(ids=[server.pk], action=action, actor="ana", now=NOON)

    assert states(server) == [to]
    assert (event.cause, event.actor, event.reason) == (Cause.PERSON, "ana", f"{action} by ana")


def test_an_action_that_makes_no_sense_names_those_that_do() -> None:
    server = make_server(state=State.RUNNING)

    with pytest.raises(IllegalMove, match="web-1 is running; one can stop or fail it") as error:
        act_on(ids=[server.pk], action=Action.START, actor="ana", now=NOON)

    assert error.value.details == {"allowed": ["stop", "fail"]}


def test_an_action_on_a_server_that_is_there_already_changes_nothing() -> None:
    server = make_server(state=State.STOPPED)

    assert act_on(ids=[server.pk], action=Action.STOP, actor="ana", now=NOON) == []


def test_every_action_is_a_move_of_the_lifecycle() -> None:
    from servers.lifecycle import ACTIONS

    for way in ACTIONS.values():
        assert all(way.to in MOVES[source] for source in way.sources)


def test_servers_are_made_with_those_they_depend_on() -> None:
    make_server("db-1")

    [api, web] = create_servers(
        values=[
            {"name": "api-1", "depends_on": ["db-1"]},
            {"name": "web-1", "depends_on": ["api-1", "db-1"]},
        ]
    )

    assert [server.state for server in (api, web)] == [State.STOPPED, State.STOPPED]
    assert {need.name for need in web.depends_on.all()} == {"api-1", "db-1"}
    assert [one.name for one in api.dependents.all()] == ["web-1"]


def test_a_name_is_given_once() -> None:
    make_server("db-1")

    with pytest.raises(NameTaken, match="There is a server 'db-1' already"):
        create_servers(values=[{"name": "db-1"}])
    with pytest.raises(NameTaken, match="'web-1'"):
        create_servers(values=[{"name": "web-1"}, {"name": "web-1"}])


def test_a_server_depends_on_what_exists() -> None:
    with pytest.raises(UnknownNames) as error:
        create_servers(values=[{"name": "web-1", "depends_on": ["db-9"]}])

    assert error.value.errors == {"depends_on": ["There is no server 'db-9'."]}


def test_links_that_go_round_are_refused_with_their_way() -> None:
    create_servers(
        values=[
            {"name": "a"},
            {"name": "b", "depends_on": ["a"]},
            {"name": "c", "depends_on": ["b"]},
        ]
    )

    with pytest.raises(CircularLinks, match="a → c → b → a|c → b → a → c|b → a → c → b"):
        change_servers(ids=[Server.objects.get(name="a").pk], values={"depends_on": ["c"]})
    with pytest.raises(CircularLinks, match="itself"):
        change_servers(ids=[Server.objects.get(name="a").pk], values={"depends_on": ["a"]})


def test_a_change_replaces_the_links() -> None:
    make_server("db-1")
    make_server("db-2")
    web = make_server("web-1", depends_on=["db-1"])

    change_servers(ids=[web.pk], values={"depends_on": ["db-2"], "region": "eu-1"})

    web.refresh_from_db()
    assert (web.region, [need.name for need in web.depends_on.all()]) == ("eu-1", ["db-2"])


def test_a_server_goes_with_its_history() -> None:
    make_server("db-1")
    web = make_server("web-1", depends_on=["db-1"])
    change_states(moves=[move(web, State.FAILED)])

    assert delete_servers(ids=[web.pk], actor="ana", now=NOON) == 1

    assert not ServerEvent.objects.exists()
    assert Server.objects.get().name == "db-1"
