"""Clients of the systems that this one replaces send what their documents say, at our address, unchanged."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.factories import make_ticket
from tickets.models import Ticket

pytestmark = pytest.mark.django_db
TICKETS = "/api/v1/tickets/"


def test_smartops_tickets_creates_updates_analyzes_and_deletes(
    api: APIClient, admin_person: Any, triage_all: Any
) -> None:
    made = api.post(
        TICKETS, {"title": "Server down", "description": "All servers unreachable"}, format="json"
    )
    assert made.status_code == 201
    triage_all()
    ticket = api.get(f"{TICKETS}{made.data['id']}/").data
    assert ticket["classification"] == "infrastructure"
    assert ticket["priority"] in (1, 2)

    updated = api.put(
        f"{TICKETS}{ticket['id']}/", {"description": "Server still down"}, format="json"
    )
    assert (updated.status_code, updated.data["description"]) == (200, "Server still down")

    analysis = api.post(f"{TICKETS}analyze/", {"description": "Server outage"}, format="json").data
    assert analysis["description"] == "Server outage"
    assert analysis["predicted_classification"] == "infrastructure"
    assert analysis["predicted_priority"] in ("critical", "high", "medium")

    api.force_authenticate(admin_person)
    deleted = api.delete(f"{TICKETS}{ticket['id']}/")
    assert deleted.data == {"message": f"Ticket {ticket['id']} deleted successfully"}


def test_analyzing_nothing_is_a_clear_error(api: APIClient) -> None:
    answer = api.post(f"{TICKETS}analyze/", {}, format="json")

    assert (answer.status_code, list(answer.data["errors"])) == (400, ["description"])


def test_ticket_watchdog_sends_a_list_of_events(api: APIClient) -> None:
    event = {
        "id": "1",
        "priority": "high",
        "created_at": "2025-06-18T12:00:00Z",
        "updated_at": "2025-06-18T12:00:00Z",
        "status": "open",
        "customer_tier": "gold",
    }

    first = api.post(TICKETS, [event], format="json")
    again = api.post(TICKETS, [event], format="json")
    newer = api.post(
        TICKETS,
        [{**event, "updated_at": "2025-06-18T13:00:00Z", "status": "in_progress"}],
        format="json",
    )

    assert [a.status_code for a in (first, again, newer)] == [207, 207, 207]
    assert [a.data["results"][0]["status"] for a in (first, again, newer)] == [
        "CREATED",
        "UNCHANGED",
        "UPDATED",
    ]
    ticket = Ticket.objects.get(external_id="1")
    assert (ticket.priority, ticket.customer_tier, ticket.status) == (2, "gold", "in_progress")


def test_smart_ticket_system_creates_moves_and_routes(api: APIClient, triage_all: Any) -> None:
    made = api.post(
        TICKETS,
        {
            "title": "Cannot access email",
            "description": "I'm unable to log into my email account. Getting password error.",
            "user_name": "John Doe",
            "user_email": "john.doe@company.com",
        },
        format="json",
    )
    assert (made.status_code, made.data["triage_status"], made.data["department"]) == (
        201,
        "pending",
        None,
    )
    number = made.data["id"]
    triage_all()
    ticket = api.get(f"{TICKETS}{number}/").data
    assert (ticket["department"], ticket["requester_name"]) == ("IT Support", "John Doe")

    assert (
        api.put(f"{TICKETS}{number}/status/", {"status": "in_progress"}, format="json").status_code
        == 200
    )
    routed = api.post(
        "/api/v1/route/",
        {"ticket_id": number, "department": "IT Support", "confidence_score": 100},
        format="json",
    )
    assert (routed.status_code, routed.data["confidence"]) == (200, 1.0)
    assert (
        api.put(f"/api/v1/route/{number}/", {"department": "Finance"}, format="json").data[
            "department"
        ]
        == "Finance"
    )
    history = api.get(f"/api/v1/routing/history/{number}/").data
    assert [step["department"] for step in history["history"]] == ["IT Support", "Finance"]
    assert history["history"][-1]["rerouted"] is True
    statistics = api.get("/api/v1/routing/statistics/").data
    assert statistics["department_distribution"] == {"Finance": 1}
    assert [
        row["id"]
        for row in api.get(f"{TICKETS}?status=in_progress&department=Finance").data["results"]
    ] == [number]
    assert [
        row["id"]
        for row in api.get("/api/v1/departments/Finance/tickets/?status=in_progress").data[
            "results"
        ]
    ] == [number]


def test_a_broken_chair_goes_to_facilities(api: APIClient, triage_all: Any) -> None:
    api.post(
        TICKETS,
        {
            "title": "Broken office chair",
            "description": "My office chair is broken and needs replacement",
            "user_name": "Jane Smith",
            "user_email": "jane.smith@company.com",
        },
        format="json",
    )
    triage_all()

    assert Ticket.objects.get().department.name == "Facilities"


def test_ticket_triage_bot_sends_its_fields_in_the_query(api: APIClient, triage_all: Any) -> None:
    made = api.post(f"{TICKETS}?description=Cannot+login+to+VPN&impact=2&urgency=1")
    assert made.status_code == 201
    triage_all()

    ticket = Ticket.objects.get()
    assert (ticket.impact, ticket.urgency, ticket.priority) == (2, 1, 2)
    refused = api.post(f"{TICKETS}?description=x&impact=4&urgency=1")
    assert (refused.status_code, list(refused.data["errors"])) == (400, ["impact"])


def test_ticket_triage_sends_one_and_a_list_and_starts_a_batch(
    api: APIClient, triage_all: Any
) -> None:
    body = {
        "title": "Checkout returns 500",
        "description": "Client reports error when paying and cannot finish checkout.",
        "external_id": "ABC-123",
        "owner_id": "00000000-0000-0000-0000-000000000000",
    }

    one = api.post(TICKETS, body, format="json")
    many = api.post(f"{TICKETS}batch/", [{**body, "external_id": "ABC-124"}], format="json")
    batch = api.post("/api/v1/triage-jobs/batch/")
    empty = api.post("/api/v1/triage-jobs/batch/")

    assert (one.status_code, one.data["external_id"], one.data["triage_status"]) == (
        201,
        "ABC-123",
        "pending",
    )
    assert many.status_code == 207
    [line] = many.data["results"]
    assert line["status"] == "CREATED"
    assert (line["external_id"], str(line["owner_id"])) == ("ABC-124", body["owner_id"])
    assert (batch.status_code, batch.data["status"], batch.data["batch"]["total_items"]) == (
        202,
        "QUEUED",
        2,
    )
    assert empty.data == {"status": "EMPTY", "batch": None, "total_items": 0}
    progress = api.get(f"/api/v1/triage-batches/{batch.data['batch']['id']}/").data
    assert (progress["status"], progress["pending"]) == ("RUNNING", 2)
    triage_all()
    ended = api.get(f"/api/v1/triage-batches/{batch.data['batch']['id']}/").data
    assert (ended["status"], ended["done"], ended["percent"]) == ("DONE", 2, 100)
    refused = api.post(f"{TICKETS}batch/", {}, format="json").json()
    assert (refused["code"], refused["message"]) == ("invalid", "Some fields are wrong.")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Update my address", "feature_request"),
        ("Please download the manual", "infrastructure"),
        ("tissue box", "bug"),
    ],
)
def test_words_inside_other_words_mean_nothing(text: str, wrong: str, api: APIClient) -> None:
    analysis = api.post(f"{TICKETS}analyze/", {"description": text}, format="json").data

    assert analysis["category"] != wrong
    assert analysis["priority"] == 4


def test_a_sticky_keyboard_is_no_matter_for_facilities(api: APIClient) -> None:
    analysis = api.post(f"{TICKETS}analyze/", {"title": "Keyboard sticky"}, format="json").data

    assert (analysis["category"], analysis["department"]) == ("hardware", "IT Support")


def test_a_taxi_receipt_goes_to_finance(api: APIClient) -> None:
    analysis = api.post(f"{TICKETS}analyze/", {"title": "Taxi receipt"}, format="json").data

    assert analysis["department"] == "Finance"


def test_everything_that_happened_is_told(api: APIClient, triage_all: Any) -> None:
    ticket = make_ticket(title="VPN is down")
    triage_all()
    api.post(
        f"{TICKETS}{ticket.pk}/comments/", {"body": "Looking.", "public": False}, format="json"
    )
    api.put(f"{TICKETS}{ticket.pk}/status/", {"status": "resolved"}, format="json")

    kinds = [event["kind"] for event in api.get(f"{TICKETS}{ticket.pk}/events/").data["results"]]
    assert kinds == ["opened", "triaged", "commented", "moved"]
    [decision] = api.get(f"{TICKETS}{ticket.pk}/decisions/").data["results"]
    assert decision["fields"]["category"]["why"]
