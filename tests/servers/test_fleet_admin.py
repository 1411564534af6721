"""Servers and the simulation in the admin; the fleet page; the demo's servers and the command."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from servers.lifecycle import Action, State
from servers.models import Kind, Server, ServerLink, Simulation
from servers.services.fleet import act_on
from smartops import demo_fleet
from tests.factories import make_ticket, make_user
from tests.servers.fleet import NOON, make_server
from tests.servers.test_fleet_api import open_incident

pytestmark = pytest.mark.django_db
ADMIN = "/admin/servers/"


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role.lower(), role))
    return client


@pytest.fixture
def boss(db: None) -> Client:
    return signed_in("Admin")


def form(**fields: str) -> dict[str, str]:
    inlines = {
        f"{name}-{part}_FORMS": "0"
        for name in ("heartbeat", "checks")
        for part in ("TOTAL", "INITIAL")
    }
    return {
        **inlines,
        "name": "web-1",
        "role": "web",
        "region": "eu",
        "host_group": "r1",
        "environment": "production",
        "kind": "monitored",
        "depends_on": "",
        **fields,
    }


def errors(answer: Any) -> dict[str, list[str]]:
    return dict(answer.context["adminform"].form.errors)


def test_a_server_is_added_with_what_it_needs(boss: Client) -> None:
    make_server("db-1")
    make_server("cache-1")

    answer = boss.post(f"{ADMIN}server/add/", form(depends_on="db-1\ncache-1"))

    assert answer.status_code == 302, errors(answer)
    web = Server.objects.get(name="web-1")
    assert {need.name for need in web.depends_on.all()} == {"db-1", "cache-1"}
    assert web.state == State.STOPPED


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"depends_on": "nobody"}, "depends_on", "There is no server 'nobody'."),
        ({"name": "a b"}, "name", "Use letters, digits"),
        ({"name": "db-1"}, "name", "already exists"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    boss: Client, fields: dict[str, str], field: str, words: str
) -> None:
    make_server("db-1")

    answer = boss.post(f"{ADMIN}server/add/", form(**fields))

    assert words in errors(answer)[field][0]
    assert Server.objects.count() == 1


def test_links_are_changed_and_circles_refused(boss: Client) -> None:
    db = make_server("db-1")
    web = make_server("web-1", depends_on=["db-1"])

    circle = boss.post(f"{ADMIN}server/{db.pk}/change/", form(depends_on="web-1"))
    without = boss.post(f"{ADMIN}server/{web.pk}/change/", form(region="us"))

    assert "depend on each other" in errors(circle)["depends_on"][0]
    assert without.status_code == 302
    web.refresh_from_db()
    assert web.region == "us"
    assert not ServerLink.objects.exists()


def test_a_server_shows_its_history_and_the_ticket_of_its_incident(boss: Client) -> None:
    server, ticket = make_server("db-1"), make_ticket()
    make_server("web-1", depends_on=["db-1"])
    act_on(ids=[server.pk], action=Action.FAIL, actor="ana", now=NOON)
    open_incident(server, ticket)

    page = boss.get(f"{ADMIN}server/{server.pk}/change/").content.decode()

    assert "running → failed, by ana: fail by ana" in page
    assert f"/admin/tickets/ticket/{ticket.pk}/change/" in page
    assert ">web-1</a>" in page


def test_agents_act_on_servers_in_the_list_but_do_not_change_them() -> None:
    agent = signed_in("Agent")
    server = make_server("web-1")
    act = {"_selected_action": [server.pk]}

    agent.post(f"{ADMIN}server/", {"action": "stop", **act})
    server.refresh_from_db()
    assert server.state == State.STOPPED
    answer = agent.post(f"{ADMIN}server/", {"action": "fail", **act}, follow=True)
    assert "Nothing was changed: web-1 is stopped; one can start it" in answer.content.decode()
    assert agent.post(f"{ADMIN}server/{server.pk}/change/", form()).status_code == 403


def test_viewers_cannot_act() -> None:
    viewer = signed_in("Viewer")
    server = make_server("web-1")

    viewer.post(f"{ADMIN}server/", {"action": "stop", "_selected_action": [server.pk]})

    server.refresh_from_db()
    assert server.state == State.RUNNING


def test_servers_are_removed(boss: Client) -> None:
    server = make_server("web-1")
    act_on(ids=[server.pk], action=Action.FAIL, actor="ana", now=NOON)

    boss.post(f"{ADMIN}server/{server.pk}/delete/", {"post": "yes"})

    assert not Server.objects.exists()


def test_events_are_read_by_server(boss: Client) -> None:
    for name in ("web-1", "db-1"):
        act_on(ids=[make_server(name).pk], action=Action.FAIL, actor="ana", now=NOON)
    web = Server.objects.get(name="web-1")

    page = boss.get(f"{ADMIN}serverevent/?server={web.pk}").content.decode()

    assert "web-1" in page
    assert "db-1" not in page
    assert boss.get(f"{ADMIN}serverevent/add/").status_code == 403


def test_the_simulation_is_paused_and_goes_on(boss: Client) -> None:
    Simulation.objects.create(pk=1, until=NOON)
    where = f"{ADMIN}simulation/1/change/"

    boss.post(where, {"seed": "20", "intensity": "1.0", "paused": "on"})
    assert Simulation.objects.get().paused
    boss.post(where, {"seed": "20", "intensity": "1.0"})

    simulation = Simulation.objects.get()
    assert not simulation.paused
    assert (timezone.now() - simulation.until).total_seconds() < 60


def test_the_fleet_page_is_for_those_who_may_see_servers() -> None:
    make_server("web-1", region="eu-1")

    page = signed_in("Viewer").get("/fleet/")
    nobody = Client()
    nobody.force_login(make_user("nobody", None))

    assert page.status_code == 200
    assert b"eu-1" in page.content
    assert Client().get("/fleet/").status_code == 302
    assert nobody.get("/fleet/").status_code in (302, 403)


def test_the_demo_has_a_fleet_once() -> None:
    now = timezone.now()

    assert demo_fleet.servers(now=now) == 60
    assert demo_fleet.servers(now=now) == 0

    servers = Server.objects.all()
    assert {server.region for server in servers} == {"eu-central", "us-east", "ap-south"}
    assert {server.state for server in servers} == {State.BOOTING}
    assert ServerLink.objects.count() > 80


def test_the_command_makes_a_fleet(capsys: Any) -> None:
    call_command("fleet", "create", "--servers", "100", "--regions", "2", "--seed", "7")

    assert "100 simulated servers are booting." in capsys.readouterr().out
    assert Server.objects.filter(kind=Kind.SIMULATED).count() == 100
    assert Simulation.objects.get().seed == 7
    with pytest.raises(CommandError, match="already"):
        call_command("fleet", "create", "--servers", "5")


@pytest.mark.parametrize("wrong", [["--servers", "0"], ["--regions", "9"], ["--seed", "-1"]])
def test_the_command_says_what_would_be_right(wrong: list[str]) -> None:
    with pytest.raises(CommandError, match="give a number from"):
        call_command("fleet", "create", *wrong)
