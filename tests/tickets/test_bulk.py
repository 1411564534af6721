"""The same change to many tickets: each succeeds or is refused alone."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.conftest import NOON, client_for
from tests.factories import make_ticket, make_user
from tests.statements import statements_of
from tickets.models import Comment, Department, Ticket, TicketEvent
from tickets.services import change_tickets, move_each, move_tickets

pytestmark = pytest.mark.django_db
BULK = "/api/v1/tickets/bulk/"


def bulk(client: APIClient, tickets: list[Ticket], action: str, **fields: Any) -> Any:
    body = {"ids": [ticket.pk for ticket in tickets], "action": action, **fields}
    return client.post(BULK, body, format="json")


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 207, answer.content
    return [line["status"] for line in answer.json()["results"]]


@pytest.fixture
def three(agent: Any) -> list[Ticket]:
    return [make_ticket(title=f"Printer {number}") for number in range(3)]


def test_what_may_not_move_is_refused_alone_with_its_reason(
    api: APIClient, three: list[Ticket]
) -> None:
    move_tickets(ids=[three[1].pk], status="cancelled", actor="test", now=NOON)

    answer = bulk(api, three, "move", status="in_progress", reason="Together")

    assert statuses(answer) == ["CHANGED", "REFUSED", "CHANGED"]
    body = answer.json()
    assert (body["changed"], body["refused"]) == (2, 1)
    assert "is cancelled; from there" in body["results"][1]["error"]["message"]
    assert list(Ticket.objects.order_by("pk").values_list("status", flat=True)) == [
        "in_progress",
        "cancelled",
        "in_progress",
    ]
    event = TicketEvent.objects.filter(ticket=three[0]).latest("pk")
    assert (event.actor, event.reason) == ("ana", "Together")
    assert body["results"][0]["version"] == Ticket.objects.get(pk=three[0].pk).version


def test_what_was_so_already_is_not_counted_as_changed(api: APIClient, three: list[Ticket]) -> None:
    change_tickets(ids=[three[0].pk], values={"tags": ["vip"]}, actor="test", now=NOON)
    move_tickets(ids=[three[0].pk], status="in_progress", actor="test", now=NOON)

    for wish in ({"action": "tag", "tags": ["vip"]}, {"action": "move", "status": "in_progress"}):
        answer = bulk(api, three[:2], **wish)

        assert statuses(answer) == ["UNCHANGED", "CHANGED"]
        assert (answer.json()["changed"], answer.json()["unchanged"]) == (1, 1)


def test_the_number_of_statements_does_not_grow_with_the_tickets() -> None:
    few = [make_ticket().pk for _ in range(2)]
    many = [make_ticket().pk for _ in range(12)]

    def move(ids: list[int]) -> None:
        move_each(ids=ids, status="in_progress", actor="ana", now=NOON)  # type: ignore[arg-type]

    assert statements_of(lambda: move(few)) == statements_of(lambda: move(many))


def test_a_parent_and_what_is_attached_to_it_are_resolved_together(
    api: APIClient, three: list[Ticket]
) -> None:
    parent, child, _ = three
    api.post(f"/api/v1/tickets/{child.pk}/attach/", {"to": parent.pk}, format="json")

    assert statuses(bulk(api, three, "move", status="resolved")) == ["CHANGED"] * 3
    assert set(Ticket.objects.values_list("status", flat=True)) == {"resolved"}


def test_they_are_assigned_to_whoever_asks_and_to_nobody(
    api: APIClient, three: list[Ticket]
) -> None:
    assert statuses(bulk(api, three, "assign", assignee="me")) == ["CHANGED"] * 3
    assert {ticket.assignee.username for ticket in Ticket.objects.all()} == {"ana"}

    bulk(api, three, "assign", assignee=None)
    assert not Ticket.objects.filter(assignee__isnull=False).exists()


def test_one_that_was_merged_is_refused(api: APIClient, three: list[Ticket]) -> None:
    Ticket.objects.filter(pk=three[0].pk).update(merged_into=three[1].pk)

    answer = bulk(api, three, "priority", priority="P1")

    assert statuses(answer) == ["REFUSED", "CHANGED", "CHANGED"]
    assert answer.json()["results"][0]["error"]["code"] == "merged"
    assert Ticket.objects.filter(priority=1).count() == 2


def test_they_are_sent_to_a_group_and_its_department(api: APIClient, three: list[Ticket]) -> None:
    statuses(bulk(api, three, "route", department="IT Support", group="Network"))

    sent = Ticket.objects.with_names()
    assert {(t.department.name, t.group.name, t.confidence) for t in sent} == {
        ("IT Support", "Network", 1.0)
    }
    assert TicketEvent.objects.filter(kind="routed").count() == 3


def test_an_unknown_name_changes_nothing(api: APIClient, three: list[Ticket]) -> None:
    answer = bulk(api, three, "route", department="Piracy")

    assert answer.status_code == 400
    assert "Piracy" in str(answer.json()["errors"]["department"])
    assert not TicketEvent.objects.filter(kind="routed").exists()


def test_tags_are_added_behind_its_own_and_taken_away(api: APIClient, three: list[Ticket]) -> None:
    change_tickets(ids=[three[0].pk], values={"tags": ["old"]}, actor="test", now=NOON)
    full = [f"t{number}" for number in range(30)]
    change_tickets(ids=[three[1].pk], values={"tags": full}, actor="test", now=NOON)

    answer = bulk(api, three, "tag", tags=["new", "old"])

    assert statuses(answer) == ["CHANGED", "REFUSED", "CHANGED"]
    assert Ticket.objects.get(pk=three[0].pk).tags == ["old", "new"]
    statuses(bulk(api, three, "untag", tags=["old", "t0"]))
    assert Ticket.objects.get(pk=three[0].pk).tags == ["new"]
    assert "t0" not in Ticket.objects.get(pk=three[1].pk).tags


def test_a_comment_is_an_answer_on_each(api: APIClient, three: list[Ticket]) -> None:
    Ticket.objects.filter(pk=three[2].pk).update(merged_into=three[0].pk)

    answer = bulk(api, three, "comment", body="We are on it: zanzibar.")

    assert statuses(answer) == ["CHANGED", "CHANGED", "REFUSED"]
    assert Comment.objects.filter(author="ana", public=True).count() == 2
    assert Ticket.objects.filter(first_response_at__isnull=False).count() == 2
    assert set(Ticket.objects.ranked("zanzibar")) == set(three[:2])


def test_a_ticket_that_the_asker_may_not_see_is_as_if_it_were_not_there(
    api: APIClient, three: list[Ticket]
) -> None:
    Ticket.objects.filter(pk=three[0].pk).update(department=Department.objects.get(name="HR"))

    answer = bulk(api, three, "priority", priority=1)

    assert statuses(answer) == ["REFUSED", "CHANGED", "CHANGED"]
    error = answer.json()["results"][0]["error"]
    assert (error["code"], error["status"]) == ("not_found", 404)
    assert Ticket.objects.get(pk=three[0].pk).priority is None


def test_the_same_request_with_its_key_is_done_once(api: APIClient, three: list[Ticket]) -> None:
    body = {"ids": [three[0].pk], "action": "comment", "body": "Once."}

    answers = [
        api.post(BULK, body, format="json", headers={"Idempotency-Key": "k"}) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [207, 207]
    assert Comment.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"action": "move"}, "status"),
        ({"action": "move", "status": "sleeping"}, "status"),
        ({"action": "tag", "tags": []}, "tags"),
        ({"action": "priority", "priority": "P9"}, "priority"),
        ({"action": "dance"}, "action"),
        ({"action": "comment"}, "body"),
        ({"action": "assign", "assignee": "nobody-here"}, "assignee"),
        ({"action": "untag", "tags": ["x"], "ids": list(range(1, 502))}, "ids"),
    ],
)
def test_a_wrong_wish_is_refused_with_its_field(
    api: APIClient, fields: dict[str, Any], wrong: str
) -> None:
    answer = api.post(BULK, {"ids": [make_ticket().pk], **fields}, format="json")

    assert answer.status_code == 400
    assert wrong in answer.json()["errors"]


def test_a_viewer_changes_nothing(three: list[Ticket]) -> None:
    answer = bulk(client_for(make_user("vera", "Viewer")), three, "assign", assignee="me")

    assert answer.status_code == 403
