"""A deadline is promised, explained, neared, missed and acknowledged, as the API tells it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from sla.services import check_clocks
from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tests.sla.policies import OFFICE, publish_policy
from tickets.models import Department

pytestmark = pytest.mark.django_db
TICKETS = "/api/v1/tickets/"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FRIDAY = datetime(2026, 10, 2, 14, 40, tzinfo=UTC)  # 16:40 in Berlin


def test_a_deadline_is_explained_to_the_minute(api: APIClient) -> None:
    """Friday 16:40 in Berlin; Saturday the 3rd of October is a public holiday; two hours on hold on Monday."""
    publish_policy(
        calendar={**OFFICE, "country": "DE"}, tiers={"standard": {"P3": {"resolution": "4h"}}}
    )
    ticket = make_ticket(priority=3, at=FRIDAY)
    monday = FRIDAY.replace(day=5, hour=8, minute=0)  # 10:00 in Berlin
    for status, at in (("on_hold", monday), ("open", monday + timedelta(hours=2, minutes=10))):
        with time_machine.travel(at, tick=False):
            assert (
                api.put(
                    f"{TICKETS}{ticket.pk}/status/", {"status": status}, format="json"
                ).status_code
                == 200
            )

    with time_machine.travel(monday + 3 * HOUR, tick=False):
        answer = api.get(f"{TICKETS}{ticket.pk}/sla/").json()

    [clock] = answer["clocks"]
    assert [line["text"] for line in clock["explanation"]] == [
        "Fri 2 Oct 16:40–17:00 counted 20m",
        "Fri 2 Oct 17:00 – Sat 3 Oct 00:00 closed",
        "Sat 3 Oct 00:00 – Sun 4 Oct 00:00 holiday: Tag der Deutschen Einheit",
        "Sun 4 Oct 00:00 – Mon 5 Oct 09:00 closed",
        "Mon 5 Oct 09:00–10:00 counted 1h",
        "Mon 5 Oct 10:00–12:10 on hold 2h 10m",
        "Mon 5 Oct 12:10–13:00 counted 50m",
    ]
    assert (clock["state"], clock["target"]) == ("running", "4h")
    assert clock["elapsed_seconds"] == 130 * 60
    assert clock["remaining_seconds"] == 110 * 60
    assert clock["due_at"] == "2026-10-05T12:50:00Z"  # 14:50 in Berlin
    assert clock["next_escalation"]["threshold"] == "85 %"
    assert [entry["kind"] for entry in clock["ledger"]] == ["pause", "resume"]


def test_a_ticket_of_the_watchdog_is_warned_and_breached_once(api: APIClient) -> None:
    """What the old watchdog documented and never did: one alert, one breach, a level with an end."""
    publish_policy(tiers={"gold": {"high": {"first_response": 30, "resolution": 180}}})
    created = datetime.now(UTC) - 160 * MINUTE
    event = {
        "id": "7",
        "priority": "high",
        "created_at": created.isoformat(),
        "updated_at": created.isoformat(),
        "status": "open",
        "customer_tier": "gold",
    }
    [made] = api.post(TICKETS, [event], format="json").json()["results"]
    for _ in range(3):
        check_clocks()

    ticket = api.get(f"{TICKETS}{made['ticket_id']}/").json()
    watched = api.get(f"{TICKETS}{made['ticket_id']}/sla/").json()

    assert (ticket["sla_state"], ticket["escalation_level"]) == ("breached", 2)
    told = {(alert["sla_type"], alert["state"]) for alert in watched["alerts"]}
    assert told == {("response", "breach"), ("resolution", "alert")}
    assert len(watched["alerts"]) == 2
    breach = next(a for a in watched["alerts"] if a["state"] == "breach")
    assert breach["details"]["target_minutes"] == 30
    assert breach["details"]["percent_used"] > 500


def test_the_dashboard_lists_tickets_by_their_state(api: APIClient) -> None:
    publish_policy(tiers={"standard": {"P3": {"resolution": 100}}})
    now = datetime.now(UTC)
    ok, warned, late = (
        make_ticket(priority=3, at=now, opened_at=now - ago * MINUTE) for ago in (10, 90, 120)
    )
    make_ticket(priority=3, at=now, status="resolved")

    def listed(**query: Any) -> list[int]:
        return [t["id"] for t in api.get("/api/v1/dashboard/", query).json()["tickets"]]

    assert listed(state="ok") == [ok.pk]
    assert listed(state="alert") == [late.pk, warned.pk]
    assert listed(state="breach") == [late.pk]
    assert listed() == [late.pk, warned.pk, ok.pk]
    assert listed(offset=1, limit=1) == [warned.pk]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "late"}, "state"),
        ({"limit": "0"}, "limit"),
        ({"offset": "x"}, "offset"),
        ({"offset": "000000001" + "9" * 20}, "offset"),
    ],
)
def test_the_dashboard_names_what_is_wrong(api: APIClient, query: Any, field: str) -> None:
    answer = api.get("/api/v1/dashboard/", query)

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


def test_the_list_is_filtered_and_sorted_by_deadline(api: APIClient) -> None:
    publish_policy(tiers={"standard": {"P3": {"resolution": 100}, "P4": {"resolution": 500}}})
    now = datetime.now(UTC)
    late = make_ticket(priority=3, at=now, opened_at=now - 120 * MINUTE)
    soon = make_ticket(priority=3, at=now)
    later = make_ticket(priority=4, at=now)
    held = make_ticket(priority=4, at=now, status="on_hold")
    done = make_ticket(priority=4, at=now, status="resolved")

    def listed(**query: Any) -> list[int]:
        return [t["id"] for t in api.get(TICKETS, query).json()["results"]]

    assert listed(ordering="due_at") == [late.pk, soon.pk, later.pk]
    assert listed(ordering="-due_at", page_size=2) == [later.pk, soon.pk]
    assert listed(sla_state="breached") == [late.pk]
    assert listed(sla_state="paused,none") == [done.pk, held.pk]
    assert listed(sla_state="ok", due_before=(now + 3 * HOUR).isoformat()) == [soon.pk]
    assert {t["sla_state"] for t in api.get(TICKETS).json()["results"]} == {
        "breached",
        "ok",
        "paused",
        "none",
    }


def test_an_unknown_state_is_a_clear_error(api: APIClient) -> None:
    answer = api.get(TICKETS, {"sla_state": "late"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["sla_state"])


def test_acknowledging_holds_the_next_level_back(api: APIClient) -> None:
    publish_policy(tiers={"standard": {"P3": {"resolution": 100}}})
    now = datetime.now(UTC)
    ticket = make_ticket(priority=3, at=now, opened_at=now - 90 * MINUTE)
    check_clocks()

    answer = api.post(f"{TICKETS}{ticket.pk}/acknowledge/", {"minutes": 45}, format="json")

    until = datetime.fromisoformat(answer.json()["acknowledged_until"])
    assert abs(until - now - 45 * MINUTE) < MINUTE
    [clock] = api.get(f"{TICKETS}{ticket.pk}/sla/").json()["clocks"]
    assert clock["acknowledged_by"] == "ana"
    assert clock["escalations"][0]["acknowledged_by"] == "ana"
    assert datetime.fromisoformat(clock["next_escalation"]["at"]) == until


def test_acknowledging_what_does_not_run_is_a_conflict(api: APIClient) -> None:
    ticket = make_ticket(status="resolved")

    answer = api.post(f"{TICKETS}{ticket.pk}/acknowledge/", {}, format="json")

    assert answer.status_code == 409
    assert "No SLA clock" in answer.json()["detail"]


def test_clocks_of_a_restricted_department_are_its_members_business(api: APIClient) -> None:
    hidden = Department.objects.create(name="Board", restricted=True)
    ticket = make_ticket(priority=3, department="Board")
    member = make_user("mia", "Agent")
    hidden.members.add(member)

    assert api.get(f"{TICKETS}{ticket.pk}/sla/").status_code == 404
    assert api.post(f"{TICKETS}{ticket.pk}/acknowledge/").status_code == 404
    assert api.get("/api/v1/dashboard/").json()["tickets"] == []
    assert client_for(member).get(f"{TICKETS}{ticket.pk}/sla/").status_code == 200


def test_a_viewer_reads_clocks_and_acknowledges_nothing(db: None) -> None:
    viewer = client_for(make_user("vic", "Viewer"))
    ticket = make_ticket(priority=3)

    assert viewer.get(f"{TICKETS}{ticket.pk}/sla/").status_code == 200
    assert viewer.post(f"{TICKETS}{ticket.pk}/acknowledge/").status_code == 403
