"""Policies, calendars and plans in the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from sla.defaults import DOCUMENT
from sla.models import BusinessCalendar, SlaPolicy, SlaPolicyVersion, Source
from tests.conftest import client_for
from tests.factories import make_user

pytestmark = pytest.mark.django_db

TIERS = {"gold": {"high": {"response": 30, "resolution": "3h"}}}


@pytest.fixture
def api() -> APIClient:
    return client_for(make_user("ada", "Admin"))


def post(api: APIClient, where: str, body: Any, status: int = 201) -> Any:
    answer = api.post(f"/api/v1/sla/{where}/", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def put(api: APIClient, where: str, body: Any, method: str = "put", status: int = 200) -> Any:
    answer = getattr(api, method)(f"/api/v1/sla/{where}/", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def policy(**fields: Any) -> dict[str, Any]:
    return {"name": "Gold", "position": 5, "document": {"tiers": TIERS}, **fields}


def test_policies_are_listed_as_they_are_asked_with_what_they_say(api: APIClient) -> None:
    post(api, "policies", policy())

    listed = api.get("/api/v1/sla/policies/").json()
    assert [row["name"] for row in listed] == ["Gold", "Default"]
    assert listed[1]["is_default"] is True
    version = listed[0]["version"]
    assert (version["number"], version["created_by"]) == (1, "ada")
    assert version["document"]["tiers"]["gold"]["P2"]["first_response"] == "30m"
    assert version["document"]["calendar"]["name"] == "24x7"


def test_what_was_read_can_be_sent_back_and_changes_nothing(api: APIClient) -> None:
    made = post(api, "policies", policy(document={"tiers": TIERS, "calendar": "Business hours"}))

    again = put(api, f"policies/{made['id']}", {**made, "document": made["version"]["document"]})
    assert again == made


def test_a_change_publishes_a_version_and_the_old_ones_can_be_read(api: APIClient) -> None:
    made = post(api, "policies", policy())
    where = f"policies/{made['id']}"

    put(api, where, {"document": {"tiers": TIERS, "acknowledgement": "1h"}}, "patch")
    renamed = put(api, where, {"name": "Gold plus", "enabled": False}, "patch")

    assert (renamed["name"], renamed["enabled"], renamed["version"]["number"]) == (
        "Gold plus",
        False,
        2,
    )
    page = api.get(f"/api/v1/sla/{where}/versions/").json()
    assert [row["number"] for row in page["results"]] == [2, 1]


def test_deleting_disables(api: APIClient) -> None:
    made = post(api, "policies", policy())

    answer = put(api, f"policies/{made['id']}", {}, "delete")

    assert "Gold" in answer["message"]
    assert SlaPolicy.objects.get(name="Gold").enabled is False


def test_the_default_policy_cannot_be_disabled(api: APIClient) -> None:
    default = SlaPolicy.objects.get(is_default=True)

    put(api, f"policies/{default.pk}", {}, "delete", status=409)
    put(api, f"policies/{default.pk}", {"enabled": False}, "patch", status=409)
    narrow = {**DOCUMENT.canonical(), "departments": ["HR"]}
    put(api, f"policies/{default.pk}", {"document": narrow}, "patch", status=400)


def test_what_comes_from_the_file_answers_409_and_names_it(api: APIClient) -> None:
    made = post(api, "policies", policy())
    SlaPolicy.objects.update(source=Source.FILE)
    BusinessCalendar.objects.update(source=Source.FILE)
    hours = BusinessCalendar.objects.get(name="Business hours")

    for where, method in (
        (f"policies/{made['id']}", "put"),
        (f"policies/{made['id']}", "delete"),
        (f"calendars/{hours.pk}", "put"),
        (f"calendars/{hours.pk}", "delete"),
    ):
        body = policy(enabled=False) if "policies" in where else {"name": "Other"}
        assert "sla.yaml" in put(api, where, body, method, status=409)["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        (policy(name="Default"), "name"),
        (policy(position=-1), "position"),
        (policy(document=[]), "document"),
        (policy(document={}), "document.tiers"),
        (policy(document={"tiers": {"gold": {"P1": {"resolution": "x"}}}}),
         "document.tiers.gold.P1.resolution"),
        (policy(document={"tiers": TIERS, "departments": ["Moon"]}), "document.departments[0]"),
        (policy(document={"tiers": TIERS, "calendar": "Moon"}), "document.calendar"),
        (policy(document={"tiers": TIERS, "more": 1}), "document.more"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_by_field(api: APIClient, body: Any, field: str) -> None:
    assert field in post(api, "policies", body, 400)["errors"]


def test_a_calendar_is_made_changed_and_removed(api: APIClient) -> None:
    made = post(api, "calendars", {"name": "B", "hours": {"mon-fri": ["09:00-17:00"]}})
    assert made["hours"]["wed"] == ["09:00-17:00"]
    where = f"calendars/{made['id']}"

    changed = put(api, where, {"time_zone": "Europe/Berlin", "move_open": False}, "patch")
    assert (changed["time_zone"], changed["hours"]) == ("Europe/Berlin", made["hours"])
    assert put(api, where, {"name": "B"})["hours"] == {}

    put(api, where, {}, "delete")
    assert not BusinessCalendar.objects.filter(name="B").exists()


def test_a_calendar_names_the_policies_that_use_it_and_stays_while_they_do(api: APIClient) -> None:
    post(api, "policies", policy(document={"tiers": TIERS, "calendar": "Business hours"}))
    hours = BusinessCalendar.objects.get(name="Business hours")

    listed = {row["name"]: row["policies"] for row in api.get("/api/v1/sla/calendars/").json()}
    assert listed == {"24x7": ["Default"], "Business hours": ["Gold"]}
    assert "Gold" in put(api, f"calendars/{hours.pk}", {}, "delete", status=409)["detail"]

    put(api, f"calendars/{hours.pk}", {"country": "NO"}, "patch")
    assert (
        SlaPolicyVersion.objects.get(policy__name="Gold", number=2).read().calendar.country == "NO"
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "24x7"}, "name"),
        ({"name": "B", "time_zone": "Mars"}, "time_zone"),
        ({"name": "B", "hours": {"mon": ["9-5"]}}, "hours.mon[0]"),
        ({"name": "B", "hours": {"mon": ["12:00-09:00"]}}, "hours.mon"),
        ({"name": "B", "holidays": [{"date": "x"}]}, "holidays[0].date"),
        ({"name": "B", "country": "ZZZ"}, "country"),
        ({"name": "B", "country": "DE", "subdivision": "XX"}, "subdivision"),
        ({"name": "B", "colour": 1}, "colour"),
        ({"name": "B", "move_open": "perhaps"}, "move_open"),
        ([], "non_field_errors"),
    ],
)
def test_a_wrong_calendar_is_refused_by_field(api: APIClient, body: Any, field: str) -> None:
    assert field in post(api, "calendars", body, 400)["errors"]


ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261224\r\n"
    "SUMMARY:Eve\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nDTSTART:20261224T100000Z\r\nSUMMARY:Call\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.mark.parametrize("kind", ["text/calendar", "application/json"])
def test_holidays_are_imported_from_a_file_or_from_json(api: APIClient, kind: str) -> None:
    hours = BusinessCalendar.objects.get(name="Business hours")
    where = f"/api/v1/sla/calendars/{hours.pk}/import/"
    send = (
        {"data": ICS, "content_type": kind}
        if kind == "text/calendar"
        else {"data": {"ical": ICS}, "format": "json"}
    )

    assert api.post(where, **send).json() == {
        "added": 1,
        "skipped": ["Call: it is not an all-day event."],
    }
    assert api.post(where, **send).json()["added"] == 0
    hours.refresh_from_db()
    assert hours.holidays == [{"date": "2026-12-24", "name": "Eve"}]


def test_a_file_that_is_no_calendar_is_refused(api: APIClient) -> None:
    hours = BusinessCalendar.objects.get(name="Business hours")
    where = f"/api/v1/sla/calendars/{hours.pk}/import/"

    for body in ("hello", b"\xff", "x" * 2_000_000):
        assert api.post(where, body, content_type="text/calendar").status_code == 400


def test_a_plan_tells_what_a_file_would_change_and_writes_nothing(api: APIClient) -> None:
    yaml = "policies:\n- {name: P, tiers: {gold: {P1: {resolution: 4h}}}}\n"
    as_json = {"policies": [{"name": "P", "tiers": {"gold": {"P1": {"resolution": "4h"}}}}]}

    answer = api.post("/api/v1/sla/plan/", yaml, content_type="application/yaml")
    assert answer.status_code == 200, answer.content
    plan = answer.json()
    assert plan == post(api, "plan", as_json, 200)
    assert [(c["kind"], c["name"], c["action"]) for c in plan["changes"]] == [
        ("policy", "P", "new")
    ]
    assert plan["moves"]["tickets"] == 0
    assert not SlaPolicy.objects.filter(name="P").exists()


def test_a_plan_of_a_wrong_file_names_the_lines(api: APIClient) -> None:
    yaml = "policies:\n- {name: Default, tiers: {gold: {P1: {resolution: 4h}}}}\n"

    answer = api.post("/api/v1/sla/plan/", yaml, content_type="application/yaml")

    assert answer.status_code == 400
    [message] = answer.json()["errors"]["policies[0].name"]
    assert message.startswith("line 2, column 10: The policy 'Default' is kept in the admin.")


def test_the_list_does_not_ask_more_with_more_policies(
    api: APIClient, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        post(api, "policies", policy(name=f"P{number}"))

    with django_assert_max_num_queries(2):
        api.get("/api/v1/sla/policies/")
