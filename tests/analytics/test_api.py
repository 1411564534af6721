"""The figures' API: what older systems' clients find in it, who sees what, and what is refused."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from analytics import bounds, services
from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tickets.lifecycle import Status
from tickets.models import Department, Ticket
from tickets.services import change_tickets, move_tickets

pytestmark = pytest.mark.django_db
API = "/api/v1/"
ALL = (
    "analytics/summary/",
    "analytics/performance/",
    "analytics/trends/",
    "analytics/tickets/",
    "analytics/department/Finance/",
    "dashboard/summary/",
    "dashboard/routing/",
)


NOW = datetime(2026, 3, 10, 10, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def now() -> Iterator[datetime]:
    """The day does not end while a test goes on. The figures are asked for a second later."""
    with time_machine.travel(NOW + timedelta(seconds=1), tick=False):
        yield NOW


@pytest.fixture
def desk(now: datetime) -> list[Ticket]:
    """One ticket of Finance, one of HR, resolved, one without a department."""
    tickets = [
        make_ticket(at=now, department="Finance", priority=2, category="billing"),
        make_ticket(at=now, department="HR", priority=1, category="hr"),
        make_ticket(at=now),
    ]
    for status in (Status.IN_PROGRESS, Status.RESOLVED):
        move_tickets(ids=[tickets[1].pk], status=status, actor="ana", now=now)
    services.refresh_figures()
    return tickets


@pytest.fixture
def hidden_hr() -> Department:
    department = Department.objects.get(name="HR")
    department.restricted = True
    department.save(update_fields=["restricted"])
    return department


def get(client: APIClient, path: str) -> Any:
    answer = client.get(API + path)
    assert answer.status_code == 200, answer.data
    return answer.json()


def test_a_client_of_smartops_tickets_finds_its_summary(api: APIClient, desk: list[Ticket]) -> None:
    Department.objects.update(restricted=False)
    data = get(api, "analytics/summary/")

    assert data["by_classification"] == {"billing": 1, "hr": 1, "none": 1}
    assert {k: data["by_priority"][k] for k in ("high", "medium", "low")} == {
        "high": 1,
        "medium": 0,
        "low": 0,
    }


def test_a_client_of_smart_ticket_system_finds_its_dashboard(
    api: APIClient, desk: list[Ticket], vpn: Ticket
) -> None:
    Department.objects.update(restricted=False)
    services.refresh_figures()
    data = get(api, "dashboard/summary/")

    assert data["total_tickets"] == 4
    assert data["by_department"]["Finance"] == 1
    assert {k: data["by_status"][k] for k in ("pending", "in_progress", "resolved")} == {
        "pending": 3,
        "in_progress": 0,
        "resolved": 1,
    }
    assert 0 < data["average_confidence"] <= 100
    assert data["recent_tickets_24h"] == 3


def test_a_client_of_smart_ticket_system_finds_its_analytics(
    api: APIClient, desk: list[Ticket], now: datetime
) -> None:
    Department.objects.update(restricted=False)
    make_ticket(at=now - timedelta(days=40))
    services.refresh_figures()
    performance = get(api, "analytics/performance/")
    trends = get(api, "analytics/trends/?days=30")
    routing = get(api, "dashboard/routing/")

    assert {
        name: performance[name] for name in ("total_tickets", "resolved_tickets", "resolution_rate")
    } == {"total_tickets": 4, "resolved_tickets": 1, "resolution_rate": 25.0}
    assert "average_categorization_confidence" in performance
    assert trends["days"] == 30
    assert trends["daily_ticket_creation"][-1] == {"date": f"{now:%Y-%m-%d}", "count": 3}
    assert len(trends["daily_ticket_creation"]) == 30
    assert routing["total_routings"] == 2
    assert routing["department_percentages"] == {"Finance": 50.0, "HR": 50.0}


def test_tickets_opened_lately_are_told_by_period(api: APIClient, now: datetime) -> None:
    for days in (0, 3, 20, 90):
        make_ticket(at=now, opened_at=now - timedelta(days=days), department="Finance")
    services.refresh_figures()

    counts = {
        period: get(api, f"analytics/tickets/?period={period}&department=Finance")["total_tickets"]
        for period in ("day", "week", "month", "all")
    }

    assert counts == {"day": 1, "week": 2, "month": 3, "all": 4}


def test_a_department_is_found_by_its_name_in_any_case(api: APIClient, desk: list[Ticket]) -> None:
    data = get(api, "analytics/department/finance/")

    assert (data["department"], data["total_tickets"]) == ("Finance", 1)
    assert data["by_priority"]["high"] == 1
    assert data["current"]["created"] == 1


def test_every_answer_says_how_old_it_is(api: APIClient, desk: list[Ticket]) -> None:
    for path in ALL:
        data = get(api, path)
        assert data["as_of"] is not None
        assert 0 <= data["age_seconds"] < 60


def test_before_the_first_count_figures_have_no_age(api: APIClient) -> None:
    for path in ALL:
        data = get(api, path)
        assert (data["as_of"], data["age_seconds"]) == (None, None)


def test_tickets_opened_lately_are_counted_as_of_now(
    api: APIClient, desk: list[Ticket], now: datetime
) -> None:
    make_ticket(at=now)  # which no tick has counted yet

    lately, ever = (get(api, f"analytics/tickets/?period={period}") for period in ("day", "all"))

    assert (lately["total_tickets"], ever["total_tickets"]) == (3, 2)
    assert lately["as_of"] == "2026-03-10T10:15:01Z"
    assert lately["age_seconds"] == 0


def test_a_restricted_departments_tickets_are_in_no_part_of_anybody_elses_figures(
    desk: list[Ticket], hidden_hr: Department, now: datetime
) -> None:
    """Who works for HR does so in secret, too."""
    make_user("hannah", "Agent")
    change_tickets(ids=[desk[1].pk], values={"assignee": "hannah"}, actor="ana", now=now)
    services.refresh_figures()
    outsider, member = make_user("otto", "Agent"), make_user("mia", "Agent")
    hidden_hr.members.add(member)

    for user, seen in ((outsider, False), (member, True)):
        client = client_for(User.objects.get(pk=user.pk))
        for path in ("summary", "performance", "trends"):
            parts = get(client, f"analytics/{path}/?by=agent")["breakdown"]
            assert ([part["name"] for part in parts] == ["hannah"]) == seen, path
            critical = get(client, f"analytics/{path}/?by=priority&agent=hannah")["breakdown"]
            assert any(part["name"] == "critical" for part in critical) == seen, path


def test_a_restricted_departments_tickets_are_in_nobody_elses_figures(
    desk: list[Ticket], hidden_hr: Department
) -> None:
    outsider, member = make_user("otto", "Agent"), make_user("mia", "Agent")
    hidden_hr.members.add(member)

    for user, count in ((outsider, 2), (member, 3)):
        client = client_for(User.objects.get(pk=user.pk))
        assert get(client, "analytics/summary/")["total_tickets"] == count
        assert get(client, "dashboard/summary/")["total_tickets"] == count
        assert get(client, "analytics/performance/")["total_tickets"] == count
        assert get(client, "analytics/tickets/?period=day")["total_tickets"] == count
        trends = get(client, "analytics/trends/?days=1")
        assert trends["daily"][0]["created"] == count
        shown = str(get(client, "analytics/summary/?by=department"))
        assert ("HR" in shown) == (count == 3)
        for by in ("group", "agent", "priority"):
            assert "'HR'" not in str(get(client, f"analytics/performance/?by={by}")["breakdown"])
        assert ("HR" in str(get(client, "dashboard/routing/"))) == (count == 3)


def test_a_restricted_department_cannot_be_asked_about(
    api: APIClient, desk: list[Ticket], hidden_hr: Department
) -> None:
    asked = api.get(f"{API}analytics/summary/?department=HR")
    direct = api.get(f"{API}analytics/department/HR/")
    unknown = api.get(f"{API}analytics/summary/?department=Magic")

    assert (asked.status_code, direct.status_code) == (400, 404)
    assert asked.data["errors"]["department"] == [
        unknown.data["errors"]["department"][0].replace("Magic", "HR")
    ]
    assert "Known: Facilities, Finance, General, IT Support." in str(asked.data)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("days=0", "days"),
        ("days=732", "days"),
        ("days=x", "days"),
        ("tz=Mars/Olympus", "tz"),
        ("tz=../../etc/passwd", "tz"),
        ("tz=%00", "tz"),
        ("department=Magic", "department"),
        ("group=Magic", "group"),
        ("agent=%00", "agent"),
        ("by=colour", "by"),
    ],
)
def test_a_wrong_wish_is_told_with_its_field(api: APIClient, query: str, field: str) -> None:
    answer = api.get(f"{API}analytics/trends/?{query}")

    assert (answer.status_code, [*answer.data["errors"]]) == (400, [field])


@pytest.mark.parametrize(
    ("path", "bound", "most"),
    [
        ("analytics/performance/", "MOST_SORTED", 2),
        ("analytics/department/Finance/", "MOST_SORTED", 0),
        ("analytics/summary/?by=priority&group=Network", "MOST_READ", 3),
        ("analytics/trends/?by=priority&agent=ana", "MOST_READ", 3),
        ("analytics/trends/?by=department&days=731", "MOST_DAYS_OF_PARTS", 3 * 731 - 1),
    ],
)
def test_what_would_take_too_long_is_refused_with_what_would_do(
    api: APIClient,
    desk: list[Ticket],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    bound: str,
    most: int,
) -> None:
    Department.objects.update(restricted=False)
    get(api, path)
    monkeypatch.setattr(bounds, bound, most)

    answer = api.get(API + path)

    assert (answer.status_code, [*answer.data["errors"]]) == (400, ["days"])
    assert "fewer days" in answer.data["errors"]["days"][0]


def test_people_without_tickets_make_no_list_too_long(
    api: APIClient, desk: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make_user(f"idle{number}", "Agent")
    make_ticket(at=desk[0].opened_at, assignee="idle0")
    services.refresh_figures()
    monkeypatch.setattr(bounds, "MOST_DAYS_OF_PARTS", 30)

    [part] = get(api, "analytics/trends/?by=agent&days=30")["breakdown"]

    assert part["name"] == "idle0"


def test_a_refusal_says_nothing_of_what_one_may_not_see(
    api: APIClient, desk: list[Ticket], hidden_hr: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST_READ", 0)

    said = api.get(f"{API}analytics/summary/?by=priority&group=Network").json()["errors"]["days"][0]

    assert re.findall(r"\d+", said) == ["0"]


def test_an_unknown_period_is_told_the_right_ones(api: APIClient) -> None:
    answer = api.get(f"{API}analytics/tickets/?period=year")

    assert answer.status_code == 400
    assert "day, week, month, all" in answer.data["errors"]["period"][0]


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"])
def test_days_are_those_of_the_askers_zone(api: APIClient, now: datetime, zone: str) -> None:
    from zoneinfo import ZoneInfo

    midnight = datetime.combine(
        now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1),
        datetime.min.time(),
        ZoneInfo(zone),
    )
    make_ticket(at=now, opened_at=midnight - timedelta(seconds=1))
    make_ticket(at=now, opened_at=midnight)
    services.refresh_figures()

    daily = get(api, f"analytics/trends/?days=3&tz={zone}")["daily"]

    assert [day["created"] for day in daily] == [1, 1, 0]
    assert [day["backlog"] for day in daily] == [1, 2, 2]


def test_each_figure_stands_beside_that_of_the_period_before(api: APIClient, now: datetime) -> None:
    for days in (0, 0, 0, 9, 9):
        make_ticket(at=now, opened_at=now - timedelta(days=days, seconds=1))
    services.refresh_figures()

    summary = get(api, "analytics/summary/?days=7")
    trends = get(api, "analytics/trends/?days=7")
    performance = get(api, "analytics/performance/?days=7")

    assert summary["flows"]["created"] == {"value": 3, "previous": 2, "change": 50.0}
    assert summary["flows"]["backlog"] == {"value": 5, "previous": 2, "change": 150.0}
    assert trends["totals"]["created"] == {"value": 3, "previous": 2, "change": 50.0}
    assert performance["current"]["created"] == 3
    assert performance["previous"]["created"] == 2


@pytest.mark.parametrize("path", ALL)
def test_an_answer_takes_as_many_statements_with_many_rows_as_with_few(
    api: APIClient, path: str, now: datetime
) -> None:
    def statements() -> int:
        services.refresh_figures()
        with CaptureQueriesContext(connection) as captured:
            get(api, f"{path}?by=group&days=40")
        return len(captured)

    make_ticket(at=now, group="Network")
    statements()  # once a login: what the asker may do
    few = statements()
    for number in range(12):
        person = make_user(f"p{number}", "Agent")
        make_ticket(at=now, group="Messaging", assignee=person.username, priority=1 + number % 4)

    assert statements() == few <= 20


def test_a_part_that_there_is_not_is_told_those_that_there_are(api: APIClient) -> None:
    [said] = api.get(f"{API}analytics/summary/?by=colour").json()["errors"]["by"]

    assert said == '"colour" is none of department, group, agent, priority.'
