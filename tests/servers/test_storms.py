"""Many incidents with one cause: one ticket, one message; those of others stay alone; everything can be undone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from servers.models import Incident, Storm
from servers.services import storms
from servers.services.storms import StormOver, adopt, dissolve_storm, watch_storms
from sla import subscriptions
from sla.models import ChannelRoute, Notification, SlaClock
from tests.conftest import client_for
from tests.factories import NOON, make_user
from tests.servers.storm import LATER, MINUTE, SECOND, make_incidents, make_past, make_storm
from tests.sla.alerts import make_channel
from tests.statements import statements_of
from tickets import services
from tickets.lifecycle import Status
from tickets.models import Ticket, TicketEvent

pytestmark = pytest.mark.django_db


def watch(at: Any = LATER) -> int:
    return watch_storms(now=at)


def children(storm: Storm) -> list[Ticket]:
    return list(Ticket.objects.filter(parent=storm.ticket_id).order_by("pk"))


def move(ticket: Ticket, status: Status, now: Any = LATER) -> None:
    services.move_tickets(ids=[ticket.pk], status=status, actor="ana", now=now)


def again(storm: Storm) -> Storm:
    return Storm.objects.get(pk=storm.pk)


def test_a_storm_gets_one_ticket_to_which_those_of_its_incidents_are_attached() -> None:
    storm = make_storm(12, priority=2)

    assert storm.labels == {"region": "eu-1", "alertname": "Host down"}
    assert (storm.state, storm.observed, storm.incidents_count) == ("active", 12, 12)
    assert storm.ticket.title == "Storm: alertname=Host down and region=eu-1"
    assert (storm.ticket.priority, storm.ticket.tags) == (2, ["storm"])
    assert len(children(storm)) == 12
    assert Incident.objects.filter(storm=storm).count() == 12


def test_its_ticket_says_why_since_when_and_which_servers() -> None:
    storm = make_storm(25)
    text = storm.ticket.description

    assert storm.why in text
    assert "25 incidents with alertname=Host down and region=eu-1 in 5 minutes" in storm.why
    assert "where next to none are usual" in storm.why
    assert "Since: 2026-03-03 12:00:00 UTC" in text
    assert "Servers (25): h0, h1, h10" in text
    assert "and 5 more" in text


def test_nine_incidents_are_nine_tickets() -> None:
    make_incidents(9)

    assert watch() == 0


def test_twelve_in_an_hour_are_no_storm() -> None:
    for n in range(12):
        make_incidents(1, start=n, at=NOON + n * 5 * MINUTE)
        assert watch(NOON + n * 5 * MINUTE + SECOND) == 0


def test_what_is_usual_is_no_storm() -> None:
    make_past(2, 1440, region="eu-1", alertname="Host down")  # five in five minutes
    make_incidents(14)

    assert watch() == 0


def test_what_is_usual_at_this_time_of_day_is_no_storm() -> None:
    for day in range(1, 8):  # every noon the backups fail
        noon = NOON - timedelta(days=day)
        make_past(1, 60, until=noon, step=30 * SECOND, region="eu-1", alertname="Host down")
    make_incidents(12)

    assert watch() == 0
    make_incidents(12, at=NOON + timedelta(hours=4))
    assert watch(NOON + timedelta(hours=4, seconds=20)) == 1


def test_an_earlier_storm_does_not_make_the_next_one_usual() -> None:
    first = make_storm(400, at=NOON)
    move(first.ticket, Status.RESOLVED)
    Incident.objects.update(state="resolved", resolved_at=LATER)
    watch()
    make_incidents(12, at=NOON + 40 * MINUTE, start=1000)

    assert watch(NOON + 41 * MINUTE) == 1


def test_two_storms_at_once_are_two() -> None:
    make_past(7, 200, environment="production")
    make_incidents(40, name="Host down", labels={"region": "eu-1", "environment": "production"})
    for n, region in enumerate(("eu-2", "us-1", "us-2")):
        labels = {"region": region, "job": "disks", "environment": "production"}
        make_incidents(9, name="Disk full", start=100 + 10 * n, labels=labels)

    assert watch() == 2
    found = {str(storm): storm.incidents_count for storm in Storm.objects.all()}
    assert sorted(found.values()) == [27, 40]
    assert any("eu-1" in name for name in found)
    assert any("disks" in name for name in found)


def test_incidents_without_labels_are_told_by_their_titles() -> None:
    storm = make_storm(12, labels={})

    assert (storm.labels, storm.title) == ({}, "host down on *")
    [late] = make_incidents(1, start=50, labels={}, at=LATER)
    adopt(incidents=[late], now=LATER)
    assert len(children(storm)) == 13


def test_a_title_that_grows_in_small_letters_still_fits() -> None:
    storm = make_storm(12, labels={}, name="İ" * 240)

    assert storm.title == "i\u0307" * 240 + " on *"


def test_new_incidents_that_match_join_at_once() -> None:
    storm = make_storm()
    joining = make_incidents(3, start=50, at=LATER)
    other = make_incidents(2, start=60, at=LATER, labels={"region": "us-1"})
    adopt(incidents=[*joining, *other], now=LATER)

    assert len(children(storm)) == 15
    assert TicketEvent.objects.filter(ticket=joining[0].ticket, kind="attached").exists()
    watch(LATER + SECOND)
    assert (again(storm).incidents_count, again(storm).last_at) == (15, LATER + SECOND)


def test_without_a_storm_adopting_costs_one_query() -> None:
    incidents = make_incidents(5)
    with CaptureQueriesContext(connection) as queries:
        adopt(incidents=incidents, now=NOON)

    assert len(queries) == 1


def test_a_hundred_join_in_as_many_statements_as_ten() -> None:
    make_storm()

    def cost(count: int, start: int) -> int:
        incidents = make_incidents(count, start=start, at=LATER)
        return statements_of(lambda: adopt(incidents=incidents, now=LATER))

    assert cost(10, 100) == cost(100, 200) < 20


def test_what_could_not_join_at_once_does_at_the_next_look() -> None:
    storm = make_storm()
    make_incidents(3, start=50, at=LATER)

    assert watch(LATER + 5 * SECOND) == 0
    assert len(children(storm)) == 15


def test_watching_again_changes_nothing() -> None:
    storm = make_storm()
    before = (TicketEvent.objects.count(), again(storm).__dict__["last_at"])

    assert watch(LATER + 5 * SECOND) == 0
    assert (TicketEvent.objects.count(), again(storm).last_at) == before


def test_a_detached_ticket_does_not_join_again() -> None:
    storm = make_storm()
    child = children(storm)[0]
    services.detach_tickets(ids=[child.pk], actor="ana", now=LATER)
    watch(LATER + 5 * SECOND)
    adopt(incidents=list(Incident.objects.all()), now=LATER)

    assert Ticket.objects.get(pk=child.pk).parent is None


def test_a_ticket_that_somebody_attached_elsewhere_stays_there() -> None:
    incidents = make_incidents(13)
    ids = [incidents[0].ticket_id, incidents[1].ticket_id]
    services.attach_tickets(ids=[ids[0]], to=ids[1], actor="ana", now=NOON)  # type: ignore[list-item, arg-type]
    watch()

    assert Ticket.objects.get(pk=ids[0]).parent_id == ids[1]
    assert Storm.objects.get().incidents_count == 11


def test_tickets_of_a_restricted_department_join_only_their_own_kind() -> None:
    make_incidents(12, department="IT Support")
    secret = make_incidents(3, start=50, department="HR")
    watch()
    storm = Storm.objects.get()

    assert storm.incidents_count == 12
    assert not Ticket.objects.filter(pk=secret[0].ticket_id, parent__isnull=False).exists()
    watch(LATER + 5 * SECOND)
    assert Storm.objects.count() == 1


def test_a_storm_in_one_department_stays_there() -> None:
    storm = make_storm(12, department="HR")

    assert storm.ticket.department is not None
    assert storm.ticket.department.name == "HR"
    assert storm.incidents_count == 12


def test_resolving_its_ticket_resolves_all_and_ends_it() -> None:
    storm = make_storm()
    move(storm.ticket, Status.RESOLVED)
    watch(LATER + 5 * SECOND)

    assert {child.status for child in children(storm)} == {"resolved"}
    assert (again(storm).state, again(storm).ended_at) == ("ended", LATER + 5 * SECOND)


def test_it_is_resolved_when_all_its_tickets_are_and_nothing_new_came() -> None:
    storm = make_storm()
    for child in children(storm):
        move(child, Status.RESOLVED)
    watch(LATER + 4 * MINUTE)
    assert again(storm).ticket.status == "open"
    watch(LATER + 6 * MINUTE)

    assert (again(storm).state, again(storm).ticket.status) == ("ended", "resolved")
    moved = TicketEvent.objects.get(ticket=storm.ticket, kind="moved")
    assert moved.reason == "All tickets of its 12 incidents are resolved."


def test_a_calm_storm_takes_nothing_new_and_ends_with_its_last_ticket() -> None:
    storm = make_storm()
    watch(LATER + 16 * MINUTE)
    assert again(storm).state == "calm"
    [late] = make_incidents(1, start=50, at=LATER + 16 * MINUTE)
    adopt(incidents=[late], now=LATER + 16 * MINUTE)
    assert len(children(storm)) == 12

    for child in children(storm):
        move(child, Status.RESOLVED)
    watch(LATER + 17 * MINUTE)
    assert again(storm).state == "ended"


def test_dissolving_restores_every_ticket_and_begins_no_second_storm() -> None:
    storm = make_storm(12, priority=3)
    dissolve_storm(storm=storm, actor="ana", now=LATER + SECOND)

    assert again(storm).state == "dissolved"
    assert again(storm).ticket.status == "cancelled"
    assert children(storm) == []
    assert not SlaClock.objects.filter(
        ticket__incidents__isnull=False, state="running", next_check_at=None
    ).exists()
    make_incidents(12, start=50, at=LATER + 2 * SECOND)
    assert watch(LATER + 5 * SECOND) == 0
    with pytest.raises(StormOver, match="is dissolved: there is nothing to dissolve"):
        dissolve_storm(storm=storm, actor="ana", now=LATER)


def test_cancelling_its_ticket_dissolves_it_too() -> None:
    storm = make_storm()
    move(storm.ticket, Status.CANCELLED)
    watch(LATER + 5 * SECOND)

    assert again(storm).state == "dissolved"
    assert children(storm) == []


def test_a_deleted_ticket_takes_its_storm_along_and_frees_the_others() -> None:
    storm = make_storm()
    ids = [child.pk for child in children(storm)]
    services.delete_tickets(ids=[storm.ticket_id], actor="ana", now=LATER)

    assert not Storm.objects.exists()
    assert not Ticket.objects.filter(pk__in=ids, parent__isnull=False).exists()
    assert not Incident.objects.filter(storm__isnull=False).exists()


def test_its_ticket_merged_into_another_ends_it_and_the_others_move_along() -> None:
    storm = make_storm()
    other = make_incidents(1, name="Something else", labels={})[0].ticket
    assert other is not None
    services.merge_tickets(source=storm.ticket_id, into=other.pk, actor="ana", now=LATER)
    watch(LATER + 5 * SECOND)

    assert again(storm).state == "ended"
    assert Ticket.objects.filter(parent=other).count() == 12


def test_one_message_tells_of_a_storm(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    ChannelRoute.objects.create(channel=make_channel("ops", kind="slack"))
    make_channel("callback", events=["storm.started"])
    make_channel("nobody's")
    subscriptions.forget()
    storm = make_storm(40)
    adopt(incidents=make_incidents(9, start=50, at=LATER), now=LATER)
    watch(LATER + 5 * SECOND)

    told = list(Notification.objects.order_by("channel__name"))
    assert [row.channel.name for row in told] == ["callback", "ops"]
    data = told[0].payload["data"]
    assert data["message"] == f"Ticket #{storm.ticket_id}: {storm.why}"
    assert data["storm"]["incidents"] == 40
    assert data["storm"]["labels"] == storm.labels


def test_a_storm_of_a_restricted_department_is_told_without_its_facts(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["hooks.example"]
    ChannelRoute.objects.create(channel=make_channel("ops", kind="slack"))
    subscriptions.forget()
    make_storm(12, department="HR")

    payload = str(Notification.objects.get().payload)
    assert "restricted department" in payload
    assert "region" not in payload


def test_a_regional_outage_is_found_within_half_a_minute_of_its_tenth_incident() -> None:
    make_past(7, 150, region="eu-1", alertname="Disk full")
    began = NOON + timedelta(hours=1)
    found_at = None
    for tick in range(12):  # ten a second for 40 seconds, looked at every 5
        now = began + (tick + 1) * 5 * SECOND
        if tick < 8:
            adopt(incidents=make_incidents(50, start=50 * tick, at=now - SECOND), now=now)
        if watch(now):
            assert found_at is None
            found_at = now

    assert found_at is not None
    assert found_at - began <= 30 * SECOND
    assert Storm.objects.get().incidents_count == 400


@pytest.mark.django_db(transaction=True)
def test_one_process_at_a_time_looks_for_storms() -> None:
    import threading

    make_incidents(12)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [storms._LOCK])
            locked.set()
            done.wait(timeout=20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait(timeout=20)
    assert watch() == 0
    done.set()
    holder.join(timeout=20)
    assert watch() == 1


def test_the_api_lists_shows_and_dissolves(api: APIClient) -> None:
    storm = make_storm()
    path = f"/api/v1/storms/{storm.pk}/"

    assert [row["id"] for row in api.get("/api/v1/storms/?state=active").json()["results"]] == [
        storm.pk
    ]
    shown = api.get(path).json()
    assert (shown["ticket"], shown["incidents"], shown["why"]) == (storm.ticket_id, 12, storm.why)
    assert api.post(f"{path}dissolve/").json()["state"] == "dissolved"
    assert api.post(f"{path}dissolve/").status_code == 409
    assert api.get("/api/v1/storms/?state=hurricane").status_code == 400


def test_a_storm_of_a_restricted_department_does_not_exist_for_others(api: APIClient) -> None:
    storm = make_storm(12, department="HR")

    assert api.get("/api/v1/storms/").json()["results"] == []
    assert api.post(f"/api/v1/storms/{storm.pk}/dissolve/").status_code == 404


def test_viewers_dissolve_nothing() -> None:
    storm = make_storm()
    viewer = client_for(make_user("vera", "Viewer"))

    assert viewer.get(f"/api/v1/storms/{storm.pk}/").status_code == 200
    assert viewer.post(f"/api/v1/storms/{storm.pk}/dissolve/").status_code == 403


def test_the_admin_lists_shows_and_dissolves(client: Any, admin_person: Any) -> None:
    storm = make_storm()
    client.force_login(admin_person)
    rows = client.get("/admin/servers/storm/").content.decode()
    assert "alertname=Host down and region=eu-1" in rows
    assert client.get(f"/admin/servers/storm/{storm.pk}/change/").status_code == 200
    page = client.get(f"/admin/tickets/ticket/{storm.ticket_id}/change/").content.decode()
    assert "12 attached tickets, 12 open" in page
    assert f"Storm {storm.pk}" in page

    given = {"action": "dissolve", "_selected_action": [storm.pk]}
    client.post("/admin/servers/storm/", given)
    assert again(storm).state == "dissolved"


def test_the_settings_say_what_makes_a_storm(settings: Any) -> None:
    assert (configured.STORM_MIN, configured.STORM_MINUTES) == (10, 5)
    settings.STORM_MIN = 30
    make_incidents(29)

    assert watch() == 0


def test_triage_goes_on_for_attached_tickets(triage_all: Callable[[], int]) -> None:
    storm = make_storm()
    triage_all()

    assert all(child.priority is not None for child in children(storm))
