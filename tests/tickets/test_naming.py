"""Names that differ in case only, and names with commas in them."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics import panels
from smartops.workspace import filters
from tests.factories import make_ticket, make_user
from tickets.models import Department, SupportGroup, Ticket
from tickets.naming import join_names, split_names

NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1).filter(
    lambda name: " ".join(name.split()) == name
)
API = "/api/v1/"


@given(st.lists(NAMES))
def test_names_are_read_as_they_were_joined(names: list[str]) -> None:
    assert split_names(join_names(names)) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Finance, HR,,", ["Finance", "HR"]),
        ('"Sales, EMEA", HR', ["Sales, EMEA", "HR"]),
        ('19" rack,x', ['19" rack', "x"]),
        ('"never closed, x', ["never closed, x"]),
        ("a\nb\r\nc", ["a b c"]),
        ("", []),
    ],
)
def test_a_name_with_a_comma_stands_in_quotes(text: str, names: list[str]) -> None:
    assert split_names(text) == names


@pytest.fixture
def alike(db: None) -> tuple[Ticket, Ticket]:
    """A ticket of Sales, one of SALES."""
    for name in ("Sales", "SALES"):
        department = Department.objects.create(name=name)
        SupportGroup.objects.create(name=f"{name} desk", department=department)
    return make_ticket(group="Sales desk"), make_ticket(group="SALES desk")


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_the_department_that_is_written_so_is_meant(
    api: APIClient, alike: tuple[Ticket, Ticket]
) -> None:
    for name, ticket in zip(("Sales", "SALES"), alike, strict=True):
        ticket.refresh_from_db()
        assert str(ticket.department) == name
        assert ids(api.get(f"{API}tickets/?department={name}")) == [ticket.pk]
        assert ids(api.get(f"{API}tickets/?group={name}+desk")) == [ticket.pk]
        assert ids(api.get(f"{API}departments/{name}/tickets/")) == [ticket.pk]
        assert api.get(f"{API}departments/{name}/").json()["name"] == name
        assert api.get(f"{API}analytics/department/{name}/").json()["department"] == name


def test_in_a_third_case_the_first_one_is_meant(
    api: APIClient, alike: tuple[Ticket, Ticket]
) -> None:
    assert ids(api.get(f"{API}tickets/?department=sales")) == [alike[0].pk]
    assert ids(api.get(f"{API}departments/sales/tickets/")) == [alike[0].pk]
    assert api.get(f"{API}departments/sales/").json()["name"] == "Sales"
    assert api.get(f"{API}analytics/department/sales/").json()["department"] == "Sales"


def test_the_login_name_that_is_written_so_is_meant(api: APIClient) -> None:
    make_user("Eve", "Agent")
    eve = make_user("eve", "Agent")
    ticket = make_ticket(at=timezone.now(), assignee="eve")

    assert ticket.assignee_id == eve.pk
    for name, count in (("eve", 1), ("Eve", 0)):
        answer = api.get(f"{API}analytics/tickets/?period=day&agent={name}")
        assert answer.json()["total_tickets"] == count, name


def test_a_department_with_a_null_in_its_name_is_not_there(api: APIClient) -> None:
    assert api.get(f"{API}departments/a%00b/").status_code == 404
    assert api.get(f"{API}analytics/department/a%00b/").status_code == 404


@pytest.fixture
def with_comma(db: None) -> Ticket:
    Department.objects.create(name='Sales, "EMEA"')
    return make_ticket(department='Sales, "EMEA"', tags=["a, b"], at=timezone.now())


def test_the_links_of_a_department_with_a_comma_lead_to_its_tickets(
    api: APIClient, agent: User, with_comma: Ticket
) -> None:
    rows = panels.by_department(agent, panels.count_open(agent, timezone.now()))["rows"]
    [line] = [row["all"] for row in rows if row["all"].count]

    answer = api.get(f"{API}tickets/", dict(parse_qsl(urlsplit(line.address).query)))

    assert ids(answer) == [with_comma.pk]


def test_the_reports_link_of_a_department_with_a_comma_leads_to_its_tickets(
    api: APIClient, agent: User, with_comma: Ticket
) -> None:
    client = Client()
    client.force_login(agent)
    page = client.get("/report/", {"department": 'Sales, "EMEA"', "days": "7"})
    assert not page.context["problem"]

    answer = api.get(f"{API}tickets/", dict(parse_qsl(urlsplit(page.context["tickets"]).query)))

    assert ids(answer) == [with_comma.pk]


def test_a_tag_with_a_comma_is_found(api: APIClient, with_comma: Ticket) -> None:
    assert ids(api.get(f"{API}tickets/", {"tag": '"a, b"'})) == [with_comma.pk]
    assert ids(api.get(f"{API}tickets/", {"tag": "a, b"})) == []


def test_a_facets_link_adds_and_takes_away_a_name_with_a_comma() -> None:
    added = filters.toggled(QueryDict("tag=x"), "tag", "a, b")
    taken = filters.toggled(QueryDict(added.address.removeprefix("?")), "tag", "a, b")

    assert (added.chosen, taken.chosen) == (False, True)
    assert QueryDict(taken.address.removeprefix("?"))["tag"] == "x"
