"""How the API answers when things go wrong, come twice, or come late."""

import base64
import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import make_ticket, make_user
from tickets.models import Comment, Department, Ticket
from tickets.services.access import create_token

pytestmark = pytest.mark.django_db
TICKETS = "/api/v1/tickets/"


def is_problem(answer: Any, status: int) -> None:
    body = answer.json()
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "request_id"} <= body.keys()
    assert (body["status"], body["request_id"]) == (status, answer["X-Request-ID"])
    # Where clients of other systems look.
    assert re.fullmatch(r"[a-z_]+", body["code"])
    assert body["message"] == body["detail"]


def test_every_failure_has_one_shape(api: APIClient, settings: Any) -> None:
    post = {"path": TICKETS, "content_type": "application/json"}
    is_problem(api.get("/api/v1/nowhere/"), 404)
    is_problem(api.get(f"{TICKETS}999999/"), 404)
    is_problem(api.delete(TICKETS), 405)
    is_problem(api.post(TICKETS, "title=x", content_type="text/plain"), 415)
    is_problem(api.generic("POST", data="{", **post), 400)
    is_problem(api.generic("POST", data="[" * 5000 + "]" * 5000, **post), 400)
    is_problem(api.generic("POST", data='{"title": NaN}', **post), 400)
    is_problem(api.generic("POST", data='{"title": "\\ud800"}', **post), 400)
    is_problem(api.generic("POST", data=b'{"title": "\xff"}', **post), 400)
    is_problem(api.generic("POST", data='{"title": 1, "title": 2}', **post), 400)
    is_problem(api.post(TICKETS, 7, format="json"), 400)
    is_problem(APIClient().get(TICKETS), 401)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    is_problem(api.post(TICKETS, {"title": "longer than that"}, format="json"), 413)


def test_too_many_requests_are_told_when_to_come_back(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from smartops.throttles import PerClientThrottle

    monkeypatch.setattr(PerClientThrottle, "rate", "2/min", raising=False)
    answers = [api.get(TICKETS) for _ in range(3)]

    is_problem(answers[-1], 429)
    assert 1 <= int(answers[-1]["Retry-After"]) <= 61


def test_the_callers_request_id_comes_back_and_stands_in_the_history(api: APIClient) -> None:
    made = api.post(TICKETS, {"title": "x"}, format="json", headers={"X-Request-ID": "abc-1"})

    assert made["X-Request-ID"] == "abc-1"
    [event] = api.get(f"{TICKETS}{made.data['id']}/events/").data["results"]
    assert event["request_id"] == "abc-1"


def test_a_malformed_request_id_is_replaced(api: APIClient) -> None:
    answer = api.get(TICKETS, headers={"X-Request-ID": "a b\tc"})

    assert answer["X-Request-ID"] != "a b\tc"


def test_a_repeated_request_is_done_once(api: APIClient) -> None:
    def send() -> Any:
        return api.post(TICKETS, {"title": "x"}, format="json", headers={"Idempotency-Key": "k1"})

    first, second = send(), send()

    assert Ticket.objects.count() == 1
    assert (second.status_code, second.json()) == (201, first.json())
    assert second["Idempotency-Replayed"] == "true"


def test_a_repeated_comment_is_added_once(api: APIClient) -> None:
    ticket = api.post(TICKETS, {"title": "x"}, format="json").json()["id"]

    def send() -> Any:
        body, headers = {"body": "We are on it."}, {"Idempotency-Key": "k1"}
        return api.post(f"{TICKETS}{ticket}/comments/", body, format="json", headers=headers)

    assert send().json() == send().json()
    assert len(api.get(f"{TICKETS}{ticket}/comments/").json()["results"]) == 1


def test_a_key_used_for_another_request_is_refused(api: APIClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    api.post(TICKETS, {"title": "x"}, format="json", headers=headers)

    is_problem(api.post(TICKETS, {"title": "y"}, format="json", headers=headers), 409)


def test_a_refused_request_may_be_mended_under_the_same_key(api: APIClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    is_problem(api.post(TICKETS, {"title": ""}, format="json", headers=headers), 400)

    assert api.post(TICKETS, {"title": "x"}, format="json", headers=headers).status_code == 201


def test_a_stale_change_is_refused(api: APIClient) -> None:
    ticket = make_ticket()
    seen = api.get(f"{TICKETS}{ticket.pk}/")["ETag"]
    api.patch(
        f"{TICKETS}{ticket.pk}/", {"title": "Mine"}, format="json", headers={"If-Match": seen}
    )

    late = api.patch(
        f"{TICKETS}{ticket.pk}/", {"title": "Yours"}, format="json", headers={"If-Match": seen}
    )

    is_problem(late, 412)
    assert Ticket.objects.get().title == "Mine"


def test_an_illegal_move_names_the_allowed_ones(api: APIClient) -> None:
    answer = api.put(f"{TICKETS}{make_ticket().pk}/status/", {"status": "closed"}, format="json")

    is_problem(answer, 409)
    assert answer.json()["allowed"] == ["in_progress", "on_hold", "resolved", "cancelled"]


def test_pages_go_on_where_the_last_one_ended(api: APIClient) -> None:
    made = [make_ticket(title=f"Number {number}").pk for number in range(5)]

    seen, address = [], f"{TICKETS}?page_size=2"
    while address:
        page = api.get(address).data
        seen += [row["id"] for row in page["results"]]
        address = page["next"]

    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("priority=1", {"a"}),
        ("priority=high,critical", {"a", "b"}),
        ("status=pending", {"a", "b", "c"}),
        ("status=closed", set()),
        ("department=finance", {"b"}),
        ("group=network", {"a"}),
        ("category=hr,network", {"a", "c"}),
        ("tier=gold", {"a"}),
        ("tag=vip", {"b"}),
        ("tag=vip,eu", {"b"}),
        ("assignee=ana", {"c"}),
        ("assignee=none", {"a", "b"}),
        ("opened_after=2026-03-03T11:00:00Z", {"a", "b", "c"}),
        ("opened_before=2026-03-03T11:00:00Z", set()),
        ("external_id=a", {"a"}),
        ("q=alpha", {"a"}),
        ("q=alp&priority=1", {"a"}),
        ("q=alpha&priority=2", set()),
    ],
)
def test_filters_find_what_they_name(api: APIClient, query: str, found: set[str]) -> None:
    make_ticket(
        external_id="a",
        title="Alpha",
        priority=1,
        group="Network",
        category="network",
        customer_tier="gold",
    )
    make_ticket(external_id="b", title="Beta", priority=2, department="Finance", tags=["vip", "eu"])
    make_ticket(external_id="c", title="Gamma", priority=4, category="hr", assignee="ana")

    answer = api.get(f"{TICKETS}?{query}")

    assert {row["external_id"] for row in answer.data["results"]} == found


@pytest.mark.parametrize(
    "query",
    [
        "status=x",
        "priority=9",
        "department=x",
        "ordering=x",
        "opened_after=x",
        "tier=x",
        "ordering=rank",
    ],
)
def test_a_filter_that_names_nothing_is_an_error_not_an_empty_list(
    api: APIClient, query: str
) -> None:
    answer = api.get(f"{TICKETS}?{query}")

    is_problem(answer, 400)
    assert list(answer.json()["errors"]) == [query.split("=")[0]]


@pytest.mark.parametrize("where", ["tickets", "escalations", "notifications", "channels"])
@pytest.mark.parametrize("position", ["1", "x", "9999999999999999999999"])
def test_a_cursor_that_no_page_gave_out_is_not_found(
    api: APIClient, where: str, position: str
) -> None:
    make_ticket()
    cursor = base64.b64encode(f"p={position}".encode()).decode()

    answer = api.get(f"/api/v1/{where}/", {"cursor": cursor})

    if answer.status_code != 200:  # a number may be the place of a row
        is_problem(answer, 404)


def test_a_restricted_department_shows_nothing_to_outsiders(api: APIClient) -> None:
    secret = make_ticket(title="Salary of Zoe", department="HR")
    Comment.objects.create(ticket=secret, body="zebra", author="x", created_at=secret.opened_at)
    addresses = ("", "status/", "comments/", "events/", "decisions/")

    assert api.get(TICKETS).data["results"] == []
    assert api.get(f"{TICKETS}?q=salary").data["results"] == []
    assert api.get("/api/v1/departments/HR/tickets/").status_code == 404
    assert "HR" not in {row["name"] for row in api.get("/api/v1/departments/").data}
    assert api.get("/api/v1/routing/statistics/").data["total_routings"] == 0
    assert api.get(f"/api/v1/routing/history/{secret.pk}/").status_code == 404
    assert api.get("/api/v1/triage-jobs/").data["results"] == []
    for address in addresses:
        method = api.put if address == "status/" else api.get
        assert (
            method(f"{TICKETS}{secret.pk}/{address}", {"status": "open"}, format="json").status_code
            == 404
        )


def test_a_member_sees_the_restricted_department() -> None:
    ticket, chen = make_ticket(department="HR"), make_user("chen", "Agent")
    Department.objects.get(name="HR").members.add(chen)
    client = APIClient()
    client.force_authenticate(chen)

    assert [row["id"] for row in client.get(TICKETS).data["results"]] == [ticket.pk]


def test_a_token_opens_the_api_until_it_expires(agent: Any) -> None:
    from datetime import timedelta

    _, good = create_token(user=agent)
    _, old = create_token(user=agent, lifetime=timedelta(seconds=-1))

    assert APIClient(headers={"Authorization": f"Token {good}"}).get(TICKETS).status_code == 200
    is_problem(APIClient(headers={"Authorization": f"Token {old}"}).get(TICKETS), 401)


def test_a_list_costs_as_many_queries_for_many_tickets_as_for_few(api: APIClient) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            api.get(TICKETS)
        return len(captured)

    make_ticket(category="network", group="Network", assignee="ana")
    queries()  # reads the asker's permissions
    few = queries()
    for _ in range(10):
        make_ticket(category="hr", group="Messaging", assignee="ana")

    assert queries() == few


def test_text_is_given_back_as_it_came(api: APIClient) -> None:
    title = "<script>alert('x')</script> naïve 日本 🚒"

    assert api.post(TICKETS, {"title": title}, format="json").data["title"] == title


@pytest.mark.parametrize(
    "filters", ["tickets/?status=%25", "tickets/?department=%25s", "incidents/?state=%25"]
)
def test_a_filter_that_quotes_a_percent_sign_is_refused_in_words(
    api: APIClient, filters: str
) -> None:
    answer = api.get(f"/api/v1/{filters}")
    assert answer.status_code == 400
    [[message]] = answer.json()["errors"].values()
    assert "'%" in message
