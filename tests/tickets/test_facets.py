"""Counts beside the list: what choosing another value would bring."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.conftest import NOON, client_for
from tests.factories import make_ticket, make_user
from tickets import facets
from tickets.counting import in_time
from tickets.models import Department, Ticket
from tickets.services import change_tickets, move_tickets

pytestmark = pytest.mark.django_db


def ask(client: APIClient, **filters: str) -> Any:
    answer = client.get("/api/v1/tickets/facets/", filters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def told(body: Any, name: str) -> dict[str, int]:
    return {one["value"]: one["count"] for one in body["facets"][name]["values"]}


def change(ticket: Ticket, **values: Any) -> None:
    change_tickets(ids=[ticket.pk], values=values, actor="test", now=NOON)


@pytest.fixture
def desk(agent: Any) -> list[Ticket]:
    """Two for finance, of which ana has one; one on hold in HR's neighbour, facilities."""
    rows = [
        make_ticket(department="Finance", priority=1, tags=["vpn", "vip"], assignee="ana"),
        make_ticket(department="Finance", priority=2, tags=["vpn"], customer_tier="gold"),
        make_ticket(department="Facilities", priority=2),
    ]
    move_tickets(ids=[rows[2].pk], status="on_hold", actor="test", now=NOON)
    return rows


def test_each_value_of_each_filter_is_counted(api: APIClient, desk: list[Ticket]) -> None:
    body = ask(api)

    assert (body["count"], body["exact"]) == (3, True)
    assert told(body, "status") == {"open": 2, "on_hold": 1}
    assert told(body, "priority") == {"1": 1, "2": 2}
    assert told(body, "department") == {"Finance": 2, "Facilities": 1}
    assert told(body, "assignee") == {"ana": 1, "none": 2}
    assert told(body, "tier") == {"gold": 1, "standard": 2}
    assert told(body, "tag") == {"vpn": 2, "vip": 1}
    assert told(body, "triage_status") == {"pending": 3}
    assert set(body["facets"]) == set(facets.NAMES)


def test_a_facet_leaves_its_own_filter_out_and_takes_all_others(
    api: APIClient, desk: list[Ticket]
) -> None:
    body = ask(api, department="Finance", priority="2")

    assert body["count"] == 1
    assert told(body, "department") == {"Finance": 1, "Facilities": 1}
    assert told(body, "priority") == {"1": 1, "2": 1}
    assert told(body, "status") == {"open": 1}


@pytest.mark.parametrize("ordering", ["due_at", "-due_at", "priority", "-opened_at"])
def test_as_many_are_counted_as_the_order_shows(
    api: APIClient, desk: list[Ticket], ordering: str
) -> None:
    Ticket.objects.filter(pk=desk[0].pk).update(due_at=NOON)
    Ticket.objects.filter(pk=desk[1].pk).update(priority=None)

    listed = api.get("/api/v1/tickets/", {"ordering": ordering}).json()["results"]

    assert ask(api, ordering=ordering)["count"] == len(listed)


def test_of_tags_all_that_are_chosen_must_be_there(api: APIClient, desk: list[Ticket]) -> None:
    assert told(ask(api, tag="vip"), "tag") == {"vip": 1, "vpn": 1}


def test_tags_are_told_apart_by_case_and_may_hold_commas(
    api: APIClient, desk: list[Ticket]
) -> None:
    change(desk[0], tags=["vpn, slow", "VPN"])

    assert told(ask(api), "tag") == {"vpn, slow": 1, "VPN": 1, "vpn": 1}
    assert ask(api, tag='"vpn, slow",VPN')["count"] == 1
    assert ask(api, tag="vpn, slow")["count"] == 0


def test_the_sla_state_is_counted_as_the_list_shows_it(api: APIClient, desk: list[Ticket]) -> None:
    Ticket.objects.filter(pk=desk[0].pk).update(sla_breached=True)

    found = told(ask(api), "sla_state")

    for state, count in found.items():
        listed = api.get("/api/v1/tickets/", {"sla_state": state}).json()["results"]
        assert len(listed) == count, state
    assert "breached" in found


def test_words_are_a_filter_like_any_other(api: APIClient, desk: list[Ticket]) -> None:
    make_ticket(title="Lift is stuck", department="Facilities")

    body = ask(api, q="lift", status="open")

    assert told(body, "department") == {"Facilities": 1}
    assert told(body, "status") == {"open": 1}


def test_who_asks_is_me(api: APIClient, desk: list[Ticket]) -> None:
    assert ask(api, assignee="me")["count"] == 1
    assert ask(api, assignee="me,none")["count"] == 3


def test_tickets_of_a_restricted_department_are_not_counted_for_others(
    api: APIClient, desk: list[Ticket]
) -> None:
    hr = Department.objects.get(name="HR")
    assert hr.restricted
    change(desk[0], department="HR")

    assert "HR" not in told(ask(api), "department")
    member = make_user("mia", "Agent")
    hr.members.add(member)
    assert told(ask(client_for(member)), "department")["HR"] == 1


def test_beyond_the_limit_the_newest_are_counted_and_it_is_said(desk: list[Ticket]) -> None:
    found = facets.facets(
        {"department": "Finance"}, tickets=Ticket.objects.all(), request=None, most=2
    )

    assert isinstance(found, facets.Facets)
    assert (found.count, found.exact) == (2, False)
    assert not found.facets["department"].exact
    assert not found.facets["status"].exact


def test_what_takes_too_long_is_counted_among_the_newest_tickets(
    desk: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "WINDOW", 1)
    Ticket.objects.filter(pk=desk[0].pk).update(opened_at=NOON + timedelta(hours=1))

    found = facets.facets({}, tickets=Ticket.objects.all(), request=None, patience=0)

    assert isinstance(found, facets.Facets)
    assert (found.count, found.exact) == (1, False)
    assert found.facets["priority"].values == [facets.Count("1", "P1 critical", 1)]


@pytest.mark.parametrize(
    "filters",
    [
        {"department": "Finance", "priority": "2", "tier": "gold"},
        {"status": "open,on_hold", "assignee": "none"},
        {"sla_state": "none,ok", "tag": "vpn"},
    ],
)
def test_the_newest_tickets_are_counted_in_one_statement_with_the_same_result(
    desk: list[Ticket], filters: dict[str, str]
) -> None:
    def counted(patience: float) -> Any:
        return facets.facets(filters, tickets=Ticket.objects.all(), request=None, patience=patience)

    each = counted(60)
    with CaptureQueriesContext(connection) as captured:
        window = counted(0)

    assert window == each
    assert each.exact
    assert len([q for q in captured if "GROUPING SETS" in q["sql"]]) == 1


def test_the_newest_of_several_statuses_are_counted(desk: list[Ticket]) -> None:
    Ticket.objects.filter(pk=desk[2].pk).update(opened_at=NOON + timedelta(hours=1))
    Ticket.objects.filter(pk=desk[0].pk).update(opened_at=NOON - timedelta(hours=1))

    found = facets.facets(
        {"status": "open,on_hold,open"}, tickets=Ticket.objects.all(), request=None, most=2
    )

    assert isinstance(found, facets.Facets)
    assert (found.count, found.exact) == (2, False)
    counts = {one.value: one.count for one in found.facets["department"].values}
    assert counts == {"Finance": 1, "Facilities": 1}


def test_names_are_looked_up_once_whatever_filters_are_used(desk: list[Ticket]) -> None:
    with CaptureQueriesContext(connection) as captured:
        facets.facets(
            {"department": "Finance", "status": "open", "tier": "gold"},
            tickets=Ticket.objects.all(),
            request=None,
        )

    looked_up = [q for q in captured if 'FROM "tickets_department"' in q["sql"]]
    assert len(looked_up) == 2  # for the filter, and for the labels


def test_the_database_is_stopped_when_time_is_up() -> None:
    def slow() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    assert in_time(time.monotonic() + 0.02, slow) is None
    assert in_time(time.monotonic() - 1, slow) is None
    assert in_time(time.monotonic() + 60, lambda: "done") == "done"
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_a_wrong_filter_is_named(api: APIClient) -> None:
    answer = api.get("/api/v1/tickets/facets/", {"status": "sleeping"})

    assert answer.status_code == 400
    assert "sleeping" in str(answer.json()["errors"]["status"])
