"""The agents of a game day: who takes what, when, and how it ends."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml

from servers.alerts import Action, Alert
from servers.lifecycle import State
from servers.models import Cause, Kind, Server
from servers.services.fleet import Move, change_states, create_servers
from servers.services.incidents import apply_alerts
from smartops.gameday.people import Agents
from smartops.gameday.plan import plan_of
from smartops.gameday.scenario import read_scenario
from tests.factories import make_ticket
from tickets.lifecycle import Status
from tickets.models import Ticket, TicketEvent
from tickets.services import move_tickets

pytestmark = pytest.mark.django_db

MONDAY = datetime.fromisoformat("2026-03-02T08:00Z")
MINUTE = timedelta(minutes=1)
#: Far above what chance makes of the typical 20 minutes.
LONG = 90 * MINUTE


def agents(*teams: dict[str, Any], **given: Any) -> Agents:
    work = {"P1": "20m", "P2": "20m", "P3": "20m", "P4": "20m"}
    scenario = read_scenario(
        yaml.safe_dump(
            {
                "name": "Test",
                "lasts": "12h",
                "teams": [{"notice": "1m", "work": work, **team} for team in teams],
                **given,
            }
        )
    )
    return Agents(scenario, plan_of(scenario))


def triaged(**fields: Any) -> Ticket:
    ticket = make_ticket(at=MONDAY, **fields)
    Ticket.objects.filter(pk=ticket.pk).update(triage_status="completed")
    return ticket


def status(ticket: Ticket) -> str:
    return Ticket.objects.values_list("status", flat=True).get(pk=ticket.pk)


def test_the_most_urgent_ticket_is_taken_first() -> None:
    later, urgent = triaged(priority=3), triaged(priority=1)

    assert agents({"agents": 1}).act(MONDAY + 2 * MINUTE) == 1

    assert (status(later), status(urgent)) == (Status.OPEN, Status.IN_PROGRESS)
    kinds = TicketEvent.objects.filter(ticket=urgent).order_by("pk").values_list("kind", "actor")
    assert list(kinds)[1:] == [("acknowledged", "agent 1.1"), ("moved", "agent 1.1")]


def test_nobody_takes_what_is_not_noticed_or_not_triaged_yet() -> None:
    triaged()
    make_ticket(at=MONDAY)

    assert agents({"agents": 3, "notice": "5m"}).act(MONDAY + 4 * MINUTE) == 0
    assert agents({"agents": 3, "notice": "5m"}).act(MONDAY + 5 * MINUTE) == 1


def test_people_work_in_their_shift_only() -> None:
    triaged()
    team = agents({"agents": 1, "hours": "09:00-17:00"})

    assert team.act(MONDAY + 59 * MINUTE) == 0
    assert team.act(MONDAY + 60 * MINUTE) == 1


def test_each_works_on_one_ticket_at_a_time_and_resolves_it() -> None:
    first, second = triaged(priority=1), triaged(priority=2)
    team = agents({"agents": 1})

    team.act(MONDAY + 2 * MINUTE)
    assert team.act(MONDAY + 3 * MINUTE) == 0
    team.act(MONDAY + LONG)

    assert (status(first), status(second)) == (Status.RESOLVED, Status.IN_PROGRESS)


def test_who_loses_a_ticket_that_ended_by_itself_takes_the_next() -> None:
    first, second = triaged(priority=1), triaged(priority=2)
    team = agents({"agents": 1})
    team.act(MONDAY + 2 * MINUTE)
    at = MONDAY + 3 * MINUTE
    move_tickets(ids=[first.pk], status=Status.RESOLVED, actor="servers", now=at)

    team.act(at)

    assert status(second) == Status.IN_PROGRESS


def test_how_long_a_ticket_takes_follows_from_the_seed() -> None:
    ticket = triaged()
    times = {agents({"agents": 1}, seed=seed)._duration(team.agents[0], ticket)
             for seed in (1, 1, 2) for team in [agents({"agents": 1})]}  # fmt: skip

    assert len(times) == 2


def failed_server() -> tuple[Server, Ticket]:
    [server] = create_servers(
        values=[{"name": "eu-1-web-01", "role": "web", "region": "eu-1", "kind": Kind.SIMULATED}]
    )
    for state in (State.BOOTING, State.FAILED):
        change_states(moves=[Move(server.pk, state, Cause.SIMULATION, "test", MONDAY)])
    alert = Alert(
        f"server:{server.pk}", "state", Action.TRIGGER, "It failed", MONDAY, server=server.name
    )
    [outcome] = apply_alerts(alerts=[alert], now=MONDAY)
    Ticket.objects.filter(pk=outcome.ticket).update(triage_status="completed")
    return server, Ticket.objects.get(pk=outcome.ticket)


def test_a_server_that_is_down_is_started_and_its_ticket_is_left_to_its_recovery() -> None:
    server, ticket = failed_server()
    team = agents({"agents": 1})
    team.act(MONDAY + 2 * MINUTE)

    assert team.act(MONDAY + LONG) == 1

    server.refresh_from_db()
    assert (server.state, status(ticket)) == (State.BOOTING, Status.IN_PROGRESS)
    assert team.act(MONDAY + LONG + MINUTE) == 0


def test_a_storm_is_not_over_while_one_of_its_servers_is_down() -> None:
    server, ticket = failed_server()
    storm = triaged(priority=1, title="Storm: region=eu-1")
    Ticket.objects.filter(pk=ticket.pk).update(parent=storm)
    team = agents({"agents": 1})
    team.act(MONDAY + 2 * MINUTE)

    team.act(MONDAY + LONG)

    server.refresh_from_db()
    assert (server.state, status(storm)) == (State.BOOTING, Status.IN_PROGRESS)


def test_nobody_can_end_an_outage() -> None:
    server, _ = failed_server()
    team = agents(
        {"agents": 1},
        fleet={"regions": ["eu-1"], "servers": {"web": 1}},
        outages=[{"at": 0, "for": "3h", "server": server.name}],
    )
    team.act(MONDAY + 2 * MINUTE)

    assert team.act(MONDAY + 2 * LONG - MINUTE) == 0
    assert team.act(MONDAY + 2 * LONG) == 1
