"""`/tickets/` as the server paints it, and its rows as they are asked for again."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from smartops.workspace import filters
from tests.conftest import NOON
from tests.factories import make_ticket, make_user
from tests.smartops.workspace.conftest import as_person
from tests.statements import statements_of
from tickets.models import Department, SavedView, Ticket
from tickets.services import change_tickets, create_view

pytestmark = pytest.mark.django_db


def html(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(client: Client, address: str) -> list[int]:
    return [row.ticket.pk for row in client.get(address).context["page"].rows]


def test_who_is_not_signed_in_is_sent_to_the_login_and_who_has_no_role_is_refused() -> None:
    assert Client().get("/tickets/").status_code == 302
    nobody = make_user("nobody", None)
    assert as_person(nobody).get("/tickets/?status=open").status_code == 302
    User.objects.filter(pk=nobody.pk).update(is_staff=True)
    for path in ("/tickets/?status=open", f"/tickets/{make_ticket().pk}/"):
        assert as_person(nobody).get(path).status_code == 403
    assert as_person(nobody).post("/tickets/rows/").status_code == 403


def test_without_filters_the_first_view_is_shown(ana: Client, agent: User) -> None:
    assert ana.get("/tickets/").headers["Location"] == "?status=open,in_progress,on_hold"

    create_view(owner=agent, values={"name": "A", "query": {"assignee": "me"}, "position": 1})
    assert ana.get("/tickets/").headers["Location"] == "?assignee=me"


def test_a_desk_without_views_shows_what_is_open(ana: Client) -> None:
    SavedView.objects.all().delete()

    assert ana.get("/tickets/").headers["Location"] == "?status=open,in_progress,on_hold"


@pytest.mark.parametrize(
    "query", ["status=open&ordering=opened_at", "assignee=me", "q=printer", "ordering=due_at"]
)
def test_the_same_tickets_are_shown_as_the_api_lists(ana: Client, query: str) -> None:
    for number in range(3):
        make_ticket(title=f"Printer {number}", at=timezone.now() - timedelta(hours=number))
    change_tickets(ids=[make_ticket().pk], values={"assignee": "ana"}, actor="x", now=NOON)

    listed = ana.get(f"/api/v1/tickets/?{query}").json()["results"]

    assert shown(ana, f"/tickets/?{query}") == [ticket["id"] for ticket in listed]


def test_a_view_is_marked_whose_filters_and_order_are_the_lists(ana: Client) -> None:
    marked = ana.get("/tickets/?status=on_hold").context["views"]
    assert [view["name"] for view in marked if view["current"]] == ["On hold"]

    other = ana.get("/tickets/?status=on_hold&ordering=opened_at").context["views"]
    assert not any(view["current"] for view in other)


def test_a_value_of_a_filter_is_added_by_its_link_and_taken_away_by_it(ana: Client) -> None:
    page = ana.get("/tickets/?status=open,on_hold&cursor=abc").context
    by_value = {v.value: v for facet in page["facets"] for v in facet.values}

    assert by_value["open"].chosen
    assert by_value["open"].address == "?status=on_hold"
    assert by_value["resolved"].address == "?status=open,on_hold,resolved"
    assert by_value["1"].address == "?status=open,on_hold&priority=1"


def test_of_tags_the_case_counts_and_commas_are_kept(ana: Client) -> None:
    make_ticket(tags=["a, b", "VPN"])
    query = "?tag=%22a,%20b%22,VPN"

    page = ana.get(f"/tickets/{query}").context
    [facet] = [facet for facet in page["facets"] if facet.name == "tag"]

    assert len(page["page"].rows) == 1
    assert [value.address for value in facet.values] == ["?tag=VPN", "?tag=%22a,+b%22"]
    assert filters.toggled(QueryDict("tag=VPN"), "tag", "vpn").address == "?tag=VPN,vpn"


def test_the_last_filter_taken_away_leaves_all_tickets(ana: Client) -> None:
    [chip] = ana.get("/tickets/?status=open").context["chips"]

    assert (chip.title, chip.text, chip.without) == ("Status", "Open", "?ordering=-opened_at")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("status=sleeping", "is not a status"),
        ("ordering=colour", "is unknown"),
        ("cursor=cD14", "Invalid cursor"),
        ("department=Piracy", "There is no department"),
    ],
)
def test_a_wrong_address_is_explained_on_the_page(ana: Client, query: str, why: str) -> None:
    assert why in html(ana, f"/tickets/?{query}")


def test_a_restricted_department_is_shown_to_its_members_only(ana: Client) -> None:
    hr = Department.objects.get(name="HR")
    ticket = make_ticket(department="HR")
    member = make_user("mia", "Agent")
    hr.members.add(member)

    assert ticket.pk not in shown(ana, "/tickets/?status=open")
    assert 'data-value="HR"' not in html(ana, "/tickets/?status=open")
    assert ticket.pk in shown(as_person(member), "/tickets/?status=open")


def test_names_of_people_are_told_to_those_who_assign_only(ana: Client) -> None:
    viewer = as_person(make_user("vera", "Viewer"))

    assert ["ana", ""] in ana.get("/tickets/?status=open").context["desk"]["people"]
    assert viewer.get("/tickets/?status=open").context["desk"]["people"] == []


def test_departments_are_named_to_those_who_send_tickets_only(ana: Client) -> None:
    viewer = as_person(make_user("vera", "Viewer"))
    ticket = make_ticket()

    assert "HR" in ana.get("/tickets/?status=open").context["desk"]["departments"]
    for path in ("/tickets/?status=open", f"/tickets/{ticket.pk}/"):
        desk = viewer.get(path).context["desk"]
        assert (desk["departments"], desk["groups"]) == ([], [])


def test_what_a_ticket_says_is_escaped(ana: Client) -> None:
    make_ticket(title='"><script>alert(1)</script>', tags=["<b>"])

    page = html(ana, "/tickets/?status=open")

    assert "<script>alert" not in page
    assert 'title="&quot;&gt;&lt;script&gt;' in page


def test_the_number_of_statements_does_not_grow_with_the_rows(ana: Client) -> None:
    make_ticket(tags=["a"])
    ana.get("/tickets/?status=open")

    def read() -> None:
        ana.get("/tickets/?status=open")

    few = statements_of(read)
    for _ in range(8):
        make_ticket(tags=["a"])
    assert statements_of(read) == few


def again(client: Client, ids: list[int], query: str = "status=open") -> Any:
    shown = ",".join(str(pk) for pk in ids)
    return client.post(f"/tickets/rows/?{query}", {"shown": shown})


def test_rows_are_told_as_they_are_now_with_those_that_left_and_came(ana: Client) -> None:
    stays, leaves = make_ticket(), make_ticket()
    before = again(ana, [stays.pk]).json()["rows"][str(stays.pk)]["stamp"]
    change_tickets(ids=[stays.pk], values={"title": "<i>New"}, actor="x", now=NOON)
    Ticket.objects.filter(pk=leaves.pk).update(status="on_hold")
    came = make_ticket()

    told = again(ana, [stays.pk, leaves.pk]).json()

    row = told["rows"][str(stays.pk)]
    assert row["stamp"] != before
    assert "&lt;i&gt;New" in row["html"]
    assert told["gone"] == [leaves.pk]
    assert told["fresh"] == [came.pk]
    assert "On Hold" in told["rows"][str(leaves.pk)]["html"]


def test_tickets_of_the_second_page_that_move_up_are_not_new(ana: Client) -> None:
    tickets = [make_ticket(at=NOON + timedelta(minutes=n)) for n in range(5)]
    query = "status=open&page_size=3"
    page = shown(ana, f"/tickets/?{query}")
    Ticket.objects.filter(pk=page[1]).update(status="on_hold")

    assert again(ana, page, query).json()["fresh"] == []

    came = make_ticket(at=NOON + timedelta(hours=1))
    assert again(ana, page, query).json()["fresh"] == [came.pk]
    assert page == [ticket.pk for ticket in reversed(tickets[2:])]


def test_rows_asked_for_again_with_words_are_looked_for_once(ana: Client) -> None:
    ticket = make_ticket(title="A zanzibar")

    with CaptureQueriesContext(connection) as captured:
        assert again(ana, [ticket.pk], "q=zanzibar").json()["fresh"] == []

    searches = [q["sql"] for q in captured if "AS newest" in q["sql"]]
    assert len(searches) == 1


def test_rows_that_the_asker_may_not_see_any_more_are_gone(ana: Client) -> None:
    ticket = make_ticket()
    Ticket.objects.filter(pk=ticket.pk).update(department=Department.objects.get(name="HR"))

    told = again(ana, [ticket.pk]).json()

    assert (told["rows"], told["gone"]) == ({}, [ticket.pk])


def test_rows_are_asked_for_with_a_list_that_can_be_read(ana: Client) -> None:
    assert again(ana, [], "status=sleeping").status_code == 400
    assert ana.get("/tickets/rows/").status_code == 405
    assert ana.post("/tickets/rows/", {"shown": "x," + "9" * 5000}).status_code == 200


def test_the_list_can_be_taken_along_as_a_file_also_by_somebody_who_says_me(ana: Client) -> None:
    for n in range(3):
        ticket = make_ticket(title=f"Mine {n}")
        change_tickets(ids=[ticket.pk], values={"assignee": "ana"}, actor="ana", now=NOON)
    Ticket.objects.filter(title="Mine 2").update(due_at=None)
    make_ticket(title="Somebody's")

    page = ana.get("/tickets/?assignee=bob, Me&ordering=due_at&status=open")
    answer = ana.get(page.context["export"])

    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert text.count("Mine") == 2  # as many as the list shows by deadline
    assert "Somebody" not in text
    assert 'attachment; filename="tickets_' in answer["Content-Disposition"]
