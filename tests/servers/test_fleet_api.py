"""`servers/` over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from servers.lifecycle import State
from servers.models import Cause, Incident, Kind, Server, Simulation
from servers.services.fleet import Move, change_states
from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tests.servers.fleet import NOON, make_server
from tickets.models import Department

pytestmark = pytest.mark.django_db
SERVERS = "/api/v1/servers/"


@pytest.fixture
def admin_api(admin_person: Any) -> APIClient:
    return client_for(admin_person)


def names(api: APIClient, **filters: str) -> list[str]:
    answer = api.get(SERVERS, filters)
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def open_incident(server: Server, ticket: Any) -> Incident:
    return Incident.objects.create(
        origin=f"server:{server.pk}",
        key="state",
        server=server,
        ticket=ticket,
        state="firing",
        title="It failed",
        first_at=NOON,
        last_at=NOON,
    )


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["api-1", "db-1", "far-1", "web-1"]),
        ({"state": "failed"}, ["db-1"]),
        ({"state": "failed,running"}, ["api-1", "db-1", "web-1"]),
        ({"role": "web"}, ["web-1"]),
        ({"region": "eu"}, ["api-1", "db-1"]),
        ({"region": "eu,us"}, ["api-1", "db-1", "web-1"]),
        ({"region": "Paris, FR"}, ["far-1"]),
        ({"host_group": "r1"}, ["db-1"]),
        ({"environment": "test"}, ["api-1"]),
        ({"kind": "simulated"}, ["web-1"]),
        ({"q": "B-1"}, ["db-1", "web-1"]),
    ],
)
def test_the_list_is_filtered(api: APIClient, filters: dict[str, str], found: list[str]) -> None:
    make_server("db-1", role="database", region="eu", host_group="r1", state=State.FAILED)
    make_server("web-1", role="web", region="us", kind=Kind.SIMULATED)
    make_server("api-1", role="api", region="eu", environment="test")
    make_server("far-1", region="Paris, FR", state=State.STOPPED)

    assert names(api, **filters) == found


def test_a_filter_that_names_nothing_is_an_error(api: APIClient) -> None:
    answer = api.get(SERVERS, {"state": "broken"})

    assert answer.status_code == 400
    assert "Use one of: booting, running" in answer.json()["errors"]["state"][0]


def test_a_name_that_cannot_be_is_not_found(api: APIClient) -> None:
    assert api.get(f"{SERVERS}%00/").status_code == 404
    assert api.post(f"{SERVERS}web%00/start/").status_code == 404


def test_the_list_goes_on_by_cursor(api: APIClient) -> None:
    for number in range(5):
        make_server(f"s{number}")

    first = api.get(SERVERS, {"page_size": 3}).json()
    second = api.get(first["next"]).json()

    assert [row["name"] for row in second["results"]] == ["s3", "s4"]


def test_a_server_tells_what_it_needs_what_needs_it_and_what_happened(api: APIClient) -> None:
    make_server("db-1", state=State.FAILED)
    server = make_server("api-1", depends_on=["db-1"])
    make_server("web-1", depends_on=["api-1"])
    change_states(moves=[Move(server.pk, State.DEGRADED, Cause.CHECK, "check", NOON, "slow")])

    shown = api.get(f"{SERVERS}api-1/").json()

    assert shown["depends_on"] == [{"name": "db-1", "state": "failed"}]
    assert shown["dependents"] == [{"name": "web-1", "state": "running"}]
    assert (shown["state"], shown["reason"]) == ("degraded", "slow")
    [event] = shown["events"]
    assert (event["old"], event["new"], event["actor"]) == ("running", "degraded", "check")
    assert shown["ticket"] is None


def test_of_those_that_need_a_server_the_first_are_named_and_all_are_counted(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servers.serializers.fleet.MOST_DEPENDENTS", 1)
    make_server("switch")
    for name in ("b", "a"):
        make_server(name, depends_on=["switch"])

    shown = api.get(f"{SERVERS}switch/").json()
    assert shown["dependents"] == [{"name": "a", "state": "running"}]
    assert shown["dependents_count"] == 2


def test_a_server_names_the_ticket_of_its_open_incident(api: APIClient) -> None:
    server, ticket = make_server("db-1"), make_ticket()
    incident = open_incident(server, ticket)

    assert api.get(f"{SERVERS}db-1/").json()["ticket"] == ticket.pk

    Incident.objects.filter(pk=incident.pk).update(state="resolved", resolved_at=NOON)
    assert api.get(f"{SERVERS}db-1/").json()["ticket"] is None


def test_a_ticket_of_a_restricted_department_is_not_named_to_others(api: APIClient) -> None:
    department = Department.objects.create(name="Security", restricted=True)
    server = make_server("db-1")
    open_incident(server, make_ticket(department="Security"))

    assert api.get(f"{SERVERS}db-1/").json()["ticket"] is None

    member = make_user("eve", "Agent")
    department.members.add(member)
    assert client_for(member).get(f"{SERVERS}db-1/").json()["ticket"] is not None


def test_a_server_is_made_stopped(admin_api: APIClient) -> None:
    make_server("db-1")

    answer = admin_api.post(
        SERVERS,
        {"name": "web-1", "role": "web", "region": "eu", "depends_on": ["db-1"]},
        format="json",
    )

    assert answer.status_code == 201, answer.content
    assert answer.json()["state"] == "stopped"
    web = Server.objects.get(name="web-1")
    assert [need.name for need in web.depends_on.all()] == ["db-1"]


def test_a_list_is_made_whole_or_not_at_all(admin_api: APIClient) -> None:
    rows = [{"name": "db-1"}, {"name": "web-1", "depends_on": ["db-1"]}]
    assert admin_api.post(SERVERS, rows, format="json").status_code == 201

    answer = admin_api.post(SERVERS, [{"name": "x-1"}, {"name": "web-1"}], format="json")

    assert answer.status_code == 409
    assert answer.json()["detail"] == "There is a server 'web-1' already."
    assert Server.objects.count() == 2


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({}, "name", "required"),
        ({"name": "a/b"}, "name", "Use letters, digits"),
        ({"name": "summary"}, "name", "an address of the API itself"),
        ({"name": "a", "role": "king"}, "role", "not a valid choice"),
        ({"name": "a", "depends_on": ["nobody"]}, "depends_on", "There is no server 'nobody'"),
    ],
)
def test_what_is_wrong_with_a_server_is_named(
    admin_api: APIClient, given: dict[str, Any], field: str, words: str
) -> None:
    answer = admin_api.post(SERVERS, given, format="json")

    assert answer.status_code == 400
    assert words in answer.json()["errors"][field][0]


def test_a_server_is_changed_but_for_its_name(admin_api: APIClient) -> None:
    make_server("web-1")

    changed = admin_api.patch(f"{SERVERS}web-1/", {"region": "us"}, format="json")
    renamed = admin_api.patch(f"{SERVERS}web-1/", {"name": "web-2"}, format="json")

    assert changed.json()["region"] == "us"
    assert renamed.status_code == 400
    assert "stays" in renamed.json()["errors"]["name"][0]


def test_links_that_go_round_are_a_conflict(admin_api: APIClient) -> None:
    make_server("a")
    make_server("b", depends_on=["a"])

    answer = admin_api.patch(f"{SERVERS}a/", {"depends_on": ["b"]}, format="json")

    assert answer.status_code == 409
    assert "a → b → a" in answer.json()["detail"] or "b → a → b" in answer.json()["detail"]


def test_a_server_is_removed(admin_api: APIClient) -> None:
    make_server("web-1")

    assert admin_api.delete(f"{SERVERS}web-1/").status_code == 204
    assert not Server.objects.exists()


def test_agents_start_stop_fail_and_recover_servers(api: APIClient) -> None:
    make_server("web-1", state=State.STOPPED)

    states = [
        api.post(f"{SERVERS}web-1/{word}/").json()["state"]
        for word in ("start", "fail", "recover", "stop")
    ]

    assert states == ["booting", "failed", "running", "stopped"]
    events = api.get(f"{SERVERS}web-1/events/").json()["results"]
    assert [event["new"] for event in events] == states[::-1]
    assert {event["actor"] for event in events} == {"ana"}


def test_an_action_that_makes_no_sense_is_a_conflict_and_names_the_others(api: APIClient) -> None:
    make_server("web-1", state=State.STOPPED)

    answer = api.post(f"{SERVERS}web-1/recover/")

    assert answer.status_code == 409
    assert answer.json()["allowed"] == ["start"]


def test_the_summary_counts_by_region_host_group_and_state(api: APIClient) -> None:
    make_server("a", region="eu", host_group="r1")
    make_server("b", region="eu", host_group="r1", state=State.FAILED)
    make_server("c", region="eu", host_group="r2")
    make_server("d", region="us")

    shown = api.get(f"{SERVERS}summary/").json()

    assert (shown["total"], shown["states"]) == (4, {"failed": 1, "running": 3})
    eu, us = shown["regions"]
    assert (eu["region"], eu["total"]) == ("eu", 3)
    assert eu["host_groups"] == [
        {"host_group": "r1", "total": 2, "states": {"failed": 1, "running": 1}},
        {"host_group": "r2", "total": 1, "states": {"running": 1}},
    ]
    assert us["host_groups"] == [{"host_group": "", "total": 1, "states": {"running": 1}}]


def test_the_simulation_is_paused_and_resumed_over_http(admin_api: APIClient) -> None:
    where = f"{SERVERS}simulation/"
    assert admin_api.get(where).json()["paused"] is False

    assert admin_api.patch(where, {"paused": True}, format="json").json()["paused"] is True
    assert Simulation.objects.get().paused
    answer = admin_api.patch(where, {"paused": False, "seed": 7}, format="json").json()

    assert (answer["paused"], answer["seed"]) == (False, 7)


def test_a_wrong_intensity_is_named(admin_api: APIClient) -> None:
    answer = admin_api.patch(f"{SERVERS}simulation/", {"intensity": -1}, format="json")

    assert answer.status_code == 400
    assert "intensity" in answer.json()["errors"]


def test_times_are_those_of_the_change(api: APIClient) -> None:
    server = make_server("web-1")
    later = NOON + timedelta(minutes=3)
    change_states(moves=[Move(server.pk, State.FAILED, Cause.CHECK, "check", later)])

    assert api.get(f"{SERVERS}web-1/").json()["state_since"] == "2026-03-03T12:03:00Z"
