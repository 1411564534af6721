"""`incidents/` and `maintenance-windows/` as clients see them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from servers.alerts import Action
from servers.lifecycle import State
from servers.models import Incident, MaintenanceWindow
from servers.services import follow_events
from tests.conftest import client_for
from tests.factories import NOON, make_user
from tests.scraping import scraped
from tests.servers.alerts import alert, later, make_incident, make_integration, make_window, tell
from tests.servers.happenings import happen, make_server
from tickets.models import Department, Ticket

pytestmark = pytest.mark.django_db
URL, WINDOWS = "/api/v1/incidents/", "/api/v1/maintenance-windows/"


def listed(api: APIClient, **filters: Any) -> list[str]:
    answer = api.get(URL, filters)
    assert answer.status_code == 200, answer.json()
    return [row["title"] for row in answer.json()["results"]]


@pytest.fixture
def three(db: None) -> None:
    """A failed server; an alert, over by now; one that a maintenance window keeps silent."""
    happen(make_server(), State.FAILED)
    follow_events(now=NOON)
    sender = make_integration()
    tell(
        alert(sender, title="Disk", at=later(minutes=1)),
        alert(sender, Action.RESOLVE, at=later(minutes=2)),
    )
    make_window(labels={"app": "shop"})
    tell(alert(sender, key="shop", title="Shop", labels={"app": "shop"}, at=later(minutes=3)))


@pytest.mark.usefixtures("three")
def test_the_list_is_filtered_by_what_one_asks_about_problems(api: APIClient) -> None:
    failed = "Server db-1 failed"
    assert listed(api) == ["Shop", "Disk", failed]
    assert listed(api, state="firing,recovering") == ["Shop", failed]
    assert listed(api, origin="server") == listed(api, server="db-1") == [failed]
    assert listed(api, integration="Prometheus") == ["Shop", "Disk"]
    assert listed(api, suppressed=True) == ["Shop"]
    assert listed(api, since=later(minutes=2).isoformat()) == ["Shop"]
    assert listed(api, flapping=True) == []
    assert len(listed(api, flapping=False)) == 3
    assert listed(api, ticket=Ticket.objects.get(title="Disk").pk) == ["Disk"]
    assert api.get(URL, {"state": "on fire"}).status_code == 400


def test_the_detail_shows_the_ticket_and_its_history(api: APIClient) -> None:
    incident = make_incident(labels={"a": "b"}, impact=2)
    shown = api.get(f"{URL}{incident.pk}/").json()

    assert shown["ticket"]["title"] == "Disk full"
    assert [event["kind"] for event in shown["history"]] == ["opened"]
    assert (shown["state"], shown["alerts"], shown["labels"]) == ("firing", 1, {"a": "b"})


def test_an_incident_of_a_restricted_department_is_hidden(admin_person: User) -> None:
    finance = Department.objects.get(name="Finance")
    Department.objects.filter(pk=finance.pk).update(restricted=True)
    member, other = make_user("fin", "Agent"), make_user("eve", "Agent")
    finance.members.add(member)
    sender = make_integration("Ledger", department=finance)
    window = make_window(labels={"app": "ledger"})
    seen, silent = (
        make_incident(sender, key="seen", department=finance.pk),
        make_incident(
            sender, key="silent", title="Pay", department=finance.pk, labels={"app": "ledger"}
        ),
    )
    plain = make_incident()
    assert (seen.ticket_id is None, silent.ticket_id is None) == (False, True)

    assert len(listed(client_for(member))) == 3
    assert listed(client_for(other)) == [plain.title]
    assert client_for(other).get(f"{URL}{seen.pk}/").status_code == 404
    for person, told in ((member, True), (other, False)):
        page = Client()
        page.force_login(person)
        shown = page.get(f"/admin/servers/maintenancewindow/{window.pk}/change/")
        assert ("Pay" in shown.content.decode()) == told


def test_a_window_is_announced_changed_and_called_off(api: APIClient) -> None:
    given = {
        "title": "New switch",
        "labels": {"region": "eu-1"},
        "starts_at": "2026-03-03T12:00:00Z",
        "ends_at": "2026-03-03T14:00:00Z",
    }
    answer = api.post(WINDOWS, given, format="json")
    assert answer.status_code == 201
    where = f"{WINDOWS}{answer.json()['id']}/"
    assert MaintenanceWindow.objects.get().created_by == "ana"

    answer = api.patch(where, {"ends_at": "2026-03-03T13:00:00Z"}, format="json")
    assert answer.json()["ends_at"] == "2026-03-03T13:00:00Z"
    assert api.get(WINDOWS, {"active": False}).json()["results"][0]["title"] == "New switch"
    assert api.get(WINDOWS, {"active": True}).json()["results"] == []
    assert api.delete(where).status_code == 204
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ends_at": "2026-03-03T12:00:00Z"}, "ends_at"),
        ({"ends_at": "2027-03-03T12:00:00Z"}, "ends_at"),
        ({"labels": {}}, "labels"),
        ({"labels": {"region": ""}}, "labels"),
        ({"labels": {"region": 7}}, "labels"),
        ({"labels": {"region": "x" * 301}}, "labels"),
        ({"labels": {"region": "a\x00"}}, "labels"),
        ({"labels": {str(n): "x" for n in range(11)}}, "labels"),
        ({"labels": ["region"]}, "labels"),
        ({"title": ""}, "title"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(
    api: APIClient, change: dict[str, Any], field: str
) -> None:
    given = {
        "title": "New switch",
        "labels": {"region": "eu-1"},
        "starts_at": "2026-03-03T12:00:00Z",
        "ends_at": "2026-03-03T14:00:00Z",
        **change,
    }
    answer = api.post(WINDOWS, given, format="json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {field}


def test_a_preview_names_the_servers_that_a_window_would_cover(api: APIClient) -> None:
    make_server("db-2")
    make_server("db-1")
    make_server("web-1", role="web")

    def preview(**labels: str) -> Any:
        return api.post(f"{WINDOWS}preview/", {"labels": labels}, format="json").json()

    assert preview(role="database", region="eu-1") == {"count": 2, "servers": ["db-1", "db-2"]}
    assert preview(server="web-1")["servers"] == ["web-1"]
    assert preview(alertname="DiskFull") == {"count": 0, "servers": []}


# --- The admin


@pytest.fixture
def page(admin_person: User) -> Client:
    client = Client()
    client.force_login(admin_person)
    return client


def test_a_tickets_page_says_what_its_problem_does(page: Client) -> None:
    server = make_server()
    for minute in range(3):
        happen(server, State.FAILED, at=later(minutes=2 * minute))
        happen(server, State.RUNNING, at=later(minutes=2 * minute + 1))
    follow_events(now=later(minutes=5))
    ticket = Ticket.objects.get()

    text = page.get(f"/admin/tickets/ticket/{ticket.pk}/change/").content.decode()

    assert 'data-incident="recovering"' in text
    assert "3 alerts since 3 Mar 12:00 UTC, the last at 3 Mar 12:05" in text
    assert "flapping since 3 Mar 12:05" in text
    assert "to be resolved at 3 Mar 12:35 if it stays well" in text


@pytest.mark.usefixtures("three")
def test_incidents_are_read_in_the_admin(page: Client) -> None:
    text = page.get("/admin/servers/incident/?origin=server").content.decode()
    assert "Server db-1 failed" in text
    assert "Shop" not in text
    incident = Incident.objects.get(title="Shop")
    shown = page.get(f"/admin/servers/incident/{incident.pk}/change/")
    assert "Shop" in shown.content.decode()
    assert page.get("/admin/servers/incident/?flapping=yes&state__exact=firing").status_code == 200


def test_a_window_is_made_in_the_admin_and_shows_what_it_covers(page: Client) -> None:
    make_server()
    now = timezone.now()
    form = {
        "title": "Power",
        "labels": '{"region": "eu-1"}',
        "starts_at_0": f"{now:%Y-%m-%d}",
        "starts_at_1": "00:00:00",
        "ends_at_0": f"{now + timedelta(days=1):%Y-%m-%d}",
        "ends_at_1": "00:00:00",
    }
    refused = page.post("/admin/servers/maintenancewindow/add/", {**form, "labels": '{"a": 1}'})
    assert "give its name and value as text" in refused.content.decode()

    preview = page.post("/admin/servers/maintenancewindow/add/", {**form, "_preview": "1"})
    assert "1 server</strong> db-1" in preview.content.decode()
    assert not MaintenanceWindow.objects.exists()

    answer = page.post("/admin/servers/maintenancewindow/add/", form, follow=True)
    window = MaintenanceWindow.objects.get()
    assert (answer.status_code, window.created_by) == (200, "ada")
    make_incident(labels={"region": "eu-1"}, at=now, title="Rack dark")

    text = page.get(f"/admin/servers/maintenancewindow/{window.pk}/change/").content.decode()
    assert "1 server" in text
    assert "db-1" in text
    assert "Rack dark" in text
    page.post(
        f"/admin/servers/maintenancewindow/{window.pk}/change/", {**form, "title": "Power, again"}
    )
    window.refresh_from_db()
    assert (window.title, window.created_by) == ("Power, again", "ada")


# --- Health and metrics


def test_health_says_when_events_are_not_followed(client: Client) -> None:
    happen(make_server(), State.FAILED)
    assert (
        "What happened to servers waits to be followed since 2026-03-03 12:00:00 UTC."
        in (client.get("/health").json()["findings"])
    )
    follow_events(now=timezone.now())
    assert not [f for f in client.get("/health").json()["findings"] if "happened to servers" in f]


@pytest.mark.usefixtures("three")
def test_metrics_count_problems() -> None:
    text = scraped()
    assert 'smartops_incidents{state="firing"} 2.0' in text
    assert 'smartops_incidents{state="recovering"} 0.0' in text
    assert "smartops_incidents_suppressed 1.0" in text
    assert "smartops_server_events_oldest_age_seconds 0.0" in text
