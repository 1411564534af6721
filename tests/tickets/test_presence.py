"""Who else is at a ticket."""

from typing import Any

import pytest
import redis
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tickets import presence
from tickets.models import Department, Ticket
from workers import counting

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket() -> Any:
    ticket = make_ticket()
    counting.counters().delete(f"{presence._KEPT}{ticket.pk}")
    return ticket


@pytest.fixture
def bob(db: None) -> APIClient:
    user = make_user("bob", "Agent")
    user.first_name, user.last_name = "Bob", "O:kafor"
    user.save(update_fields=["first_name", "last_name"])
    return client_for(user)


def be_at(client: APIClient, ticket: Ticket, **said: bool) -> Any:
    answer = client.post(f"/api/v1/tickets/{ticket.pk}/presence/", said, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_two_see_each_other_and_who_writes(api: APIClient, bob: APIClient, ticket: Ticket) -> None:
    assert be_at(api, ticket, writing=True)["others"] == []

    heard = be_at(bob, ticket)

    assert heard["others"] == [{"username": "ana", "name": "ana", "writing": True}]
    assert heard["version"] == ticket.version
    assert be_at(api, ticket)["others"] == [
        {"username": "bob", "name": "Bob O:kafor", "writing": False}
    ]


def test_who_leaves_is_not_there_any_more(api: APIClient, bob: APIClient, ticket: Ticket) -> None:
    be_at(api, ticket)
    be_at(api, ticket, leaving=True)

    assert be_at(bob, ticket)["others"] == []


def test_who_says_nothing_for_a_while_is_forgotten(
    api: APIClient, bob: APIClient, ticket: Ticket
) -> None:
    be_at(api, ticket)
    key = f"{presence._KEPT}{ticket.pk}"
    server = counting.counters()
    long_ago = int(server.time()[0]) - presence.SECONDS - 1  # type: ignore[index]
    server.hset(key, "ana", f"{long_ago}:0:ana")

    assert be_at(bob, ticket)["others"] == []
    assert 0 < int(server.ttl(key)) <= presence.SECONDS  # type: ignore[arg-type]


def test_a_list_says_where_others_are(api: APIClient, bob: APIClient, ticket: Ticket) -> None:
    hidden, alone = make_ticket(), make_ticket()
    be_at(bob, ticket)
    be_at(bob, hidden)
    be_at(api, ticket)
    Ticket.objects.filter(pk=hidden.pk).update(department=Department.objects.get(name="HR"))

    ids = f"{ticket.pk},{hidden.pk},{alone.pk}"
    found = api.get("/api/v1/tickets/presence/", {"ids": ids}).json()["tickets"]

    assert list(found) == [str(ticket.pk)]
    assert [person["username"] for person in found[str(ticket.pk)]] == ["bob"]


def test_without_the_server_everybody_is_alone(
    api: APIClient, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = redis.Redis(port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(presence, "counters", lambda: away)
    monkeypatch.setattr(presence._Rest, "until", 0.0)

    assert be_at(api, ticket)["others"] == []
    assert api.get("/api/v1/tickets/presence/", {"ids": ticket.pk}).json() == {"tickets": {}}


@pytest.mark.parametrize("ids", ["", "a", "1,,2", ",".join(["1"] * 201)])
def test_a_list_of_no_tickets_is_refused(api: APIClient, ids: str) -> None:
    assert api.get("/api/v1/tickets/presence/", {"ids": ids}).status_code == 400


def test_nobody_is_at_a_ticket_that_he_may_not_see(api: APIClient, ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(department=Department.objects.get(name="HR"))

    assert api.post(f"/api/v1/tickets/{ticket.pk}/presence/", {}, format="json").status_code == 404
