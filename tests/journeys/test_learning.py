"""Triage asks when it is unsure, and what a person says becomes something to learn from."""

from typing import Any

import pytest
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


def test_a_person_corrects_what_triage_was_unsure_of_and_the_label_appears(
    api: APIClient, triage_all: Any
) -> None:
    sent = {"title": "Question", "description": "Something about the thing on the third floor."}
    ticket = api.post("/api/v1/tickets/", sent, format="json").json()["id"]
    triage_all()

    found = api.get("/api/v1/review/next/").json()
    assert (found["waiting"], found["item"]["ticket"]["id"]) == (1, ticket)
    assert found["item"]["suggestion"]["band"] in ("suggest", "review")
    decision = {"category": "facilities", "version": found["item"]["ticket"]["version"]}
    became = api.post(f"/api/v1/review/{ticket}/", decision, format="json").json()

    assert became["department"] == "Facilities"
    [label] = api.get(f"/api/v1/corrections/?ticket={ticket}&field=category").json()["results"]
    assert (label["value"], label["agreed"], label["by"]) == ("facilities", False, "ana")
    assert api.get("/api/v1/review/next/").json() == {"waiting": 0, "item": None}
    last = api.get(f"/api/v1/tickets/{ticket}/events/").json()["results"]
    assert [event["kind"] for event in last][-2:] == ["reviewed", "routed"]


def test_a_person_changes_a_sure_ticket_on_its_own_page_and_triage_is_told(
    api: APIClient, triage_all: Any
) -> None:
    words = "The VPN tunnel drops, nobody can connect."
    sent = {"title": "VPN down for the whole office", "description": words}
    ticket = api.post("/api/v1/tickets/", sent, format="json").json()["id"]
    triage_all()
    assert api.get(f"/api/v1/tickets/{ticket}/").json()["triage_status"] == "completed"

    api.patch(f"/api/v1/tickets/{ticket}/", {"category": "billing"}, format="json")

    shown = api.get(f"/api/v1/tickets/{ticket}/").json()
    assert (shown["category"], shown["department"]) == ("billing", "Finance")
    [label] = api.get("/api/v1/corrections/?via=ticket").json()["results"]
    assert (label["before"], label["value"], label["band"]) == ("network", "billing", "auto")
