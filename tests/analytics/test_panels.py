"""The dashboard's numbers are those of the lists behind them."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from analytics import panels
from analytics.models import Export
from analytics.pipeline import pipeline
from servers.lifecycle import State
from sla.models import Notification
from tests.conftest import client_for
from tests.factories import make_escalation, make_ticket, make_user
from tests.servers.fleet import make_server
from tests.sla.alerts import make_channel
from tests.sla.policies import publish_policy
from tests.statements import statements_of
from tickets.lifecycle import Status
from tickets.models import Department, Priority, Ticket
from tickets.services import change_tickets, move_tickets
from triage.models import DriftDay, TriageJob

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(agent: User) -> User:
    """Twelve tickets of all ages, states and places. Returns an agent who sees them."""
    publish_policy()
    now = timezone.now()
    for n, age in enumerate((0, 0.2, 2, 4, 8, 40)):
        for department in ("IT Support", "Facilities"):
            ticket = make_ticket(
                title=f"{n} {department}",
                at=now - timedelta(days=age),
                priority=1 + n % 4,
                department=department,
            )
            if n == 1:
                change_tickets(ids=[ticket.pk], values={"assignee": "ana"}, actor="ana", now=now)
            if n == 4:
                move_tickets(ids=[ticket.pk], status=Status.ON_HOLD, actor="ana", now=now)
            if n == 5:
                move_tickets(ids=[ticket.pk], status=Status.RESOLVED, actor="ana", now=now)
    return agent


def behind(line: panels.Line, user: User) -> int:
    """How many tickets the API lists with the filters of the line's address."""
    filters = dict(parse_qsl(urlsplit(line.address).query))
    answer = client_for(user).get("/api/v1/tickets/", {**filters, "page_size": "200"})
    assert answer.status_code == 200, answer.json()
    return len(answer.json()["results"])


def test_each_number_is_as_long_as_the_list_behind_it(desk: User) -> None:
    make_ticket(priority=2)
    make_ticket(department="Facilities")
    now = timezone.now()
    found = panels.count_open(desk, now)
    table = panels.by_department(desk, found)
    lines = [
        *panels.figures(found),
        *panels.sla_states(found),
        *panels.backlog_age(found, now),
        *table["totals"],
        table["total"],
        table["unsorted"],
        *(cell for row in table["rows"] for cell in (row["all"], *row["cells"])),
    ]

    assert {line.address: line.count for line in lines} == {
        line.address: behind(line, desk) for line in lines
    }
    assert table["unsorted"].count == 2
    assert sum(line.count for line in lines) > 40


def test_every_list_of_tickets_that_the_page_leads_to_is_among_those_numbers(
    desk: User, client: Client
) -> None:
    make_ticket(priority=2)
    make_escalation(make_ticket(department="Facilities"))
    client.force_login(desk)

    page = client.get("/")

    now, found = page.context["now"], panels.count_open(desk, page.context["now"])
    table = panels.by_department(desk, found)
    counted = {
        line.address
        for line in (
            *(*panels.figures(found), *panels.sla_states(found), *panels.backlog_age(found, now)),
            *(*table["totals"], table["total"], table["unsorted"]),
            *(cell for row in table["rows"] for cell in (row["all"], *row["cells"])),
        )
    }
    text = page.content.decode()
    links = {unescape(link) for link in re.findall(r'href="(/tickets/\?[^"]*)"', text)}
    assert links - counted == {"/tickets/?status=open,in_progress,on_hold&ordering=due_at"}


def rows_behind(address: str, client: Client) -> list[Any]:
    """The rows that the admin lists at the address."""
    return list(client.get(address).context["cl"].queryset)


def test_the_triage_panel_leads_to_the_days_that_it_sums_up(client: Client) -> None:
    now = timezone.now()
    for days in (0, 6, 7):
        DriftDay.objects.create(
            field="category",
            day=(now - timedelta(days=days)).date(),
            measured_at=now,
            decisions=7,
            auto=4,
            suggest=2,
            review=1,
            corrected=1,
            agreed=3,
        )
    DriftDay.objects.create(field="urgency", day=now.date(), decisions=50, measured_at=now)
    client.force_login(make_user("vera", "Viewer"))

    shown = panels.triage(now)

    for line, name in zip(
        (*shown["bands"], shown["total"], shown["overridden"]),
        ("auto", "suggest", "review", "decisions", "corrected"),
        strict=True,
    ):
        rows = rows_behind(line.address, client)
        assert sum(getattr(row, name) for row in rows) == line.count > 0
    assert shown["measured_at"] == now


def test_the_triage_panel_says_what_it_counts_and_how_old_that_is(
    agent: User, client: Client
) -> None:
    client.force_login(agent)
    new = client.get("/").content.decode()
    DriftDay.objects.create(field="category", day=timezone.now().date(), measured_at=timezone.now())

    counted = client.get("/").content.decode()

    assert "Category, 7 days (UTC), whole desk; not measured yet" in new
    assert "Category, 7 days (UTC), whole desk; measured <time data-ago=" in counted


def make_messages(count: int) -> None:
    channel = make_channel()
    for n in range(count):
        Notification.objects.create(
            channel=channel, kind="test", payload={"data": {"message": "x"}}, key=f"{n}"
        )


def test_work_of_every_kind_that_is_unfinished_is_counted_and_listed(client: Client) -> None:
    admin = User.objects.create_superuser("root")
    client.force_login(admin)
    held, _ = (make_ticket(title=title) for title in ("held", "waiting"))
    until = timezone.now() + timedelta(minutes=1)
    TriageJob.objects.filter(ticket=held).update(
        state="running", lease_token=uuid4(), lease_until=until
    )
    Export.objects.create(owner=admin, format="csv")
    make_messages(2)

    shown = pipeline(admin, timezone.now())

    told = {one["label"]: one for one in (shown["triage"], *shown["others"])}
    assert {label: one["count"] for label, one in told.items()} == {
        "triage jobs": 2,
        "export": 1,
        "notifications": 2,
    }
    for one in told.values():
        assert len(rows_behind(one["address"], client)) == one["count"]


def test_the_kind_that_waits_longest_is_named_and_leads_to_its_row(client: Client) -> None:
    admin = User.objects.create_superuser("root")
    client.force_login(admin)
    make_ticket()
    old, _ = (Export.objects.create(owner=admin, format="csv") for _ in range(2))
    hour = timezone.now() - timedelta(hours=1)
    Export.objects.filter(pk=old.pk).update(created_at=hour)

    shown = pipeline(admin, timezone.now())

    assert (shown["oldest"]["kind"], shown["oldest"]["since"]) == ("export", hour)
    assert shown["oldest_late"]
    assert rows_behind(shown["oldest"]["address"], client) == [old]


def test_what_a_worker_holds_or_what_is_to_be_sent_later_does_not_wait(agent: User) -> None:
    make_ticket()
    hour, later = timedelta(hours=1), timezone.now() + timedelta(minutes=5)
    TriageJob.objects.update(
        state="running",
        created_at=timezone.now() - hour,
        lease_token=uuid4(),
        lease_until=later,
    )
    make_messages(1)
    Notification.objects.update(state="retrying", next_attempt_at=later)

    shown = pipeline(agent, timezone.now())

    assert (shown["oldest"], shown["oldest_late"]) == (None, False)


@pytest.mark.parametrize(("role", "shown"), [("Admin", True), ("Viewer", False)])
def test_the_pipeline_panel_leads_to_the_monitors_that_the_reader_may_see(
    client: Client, settings: Any, role: str, shown: bool
) -> None:
    settings.FLOWER_URL = "https://tasks.example.com/"
    settings.GRAFANA_URL = "https://charts.example.com/"
    client.force_login(make_user("op", role))

    page = client.get("/").content.decode()

    assert ('<a href="https://tasks.example.com/">Flower</a>' in page) is shown
    assert '<a href="https://charts.example.com/">Grafana</a>' in page


def test_a_deadline_that_is_near_after_another_was_missed_counts_as_missed(agent: User) -> None:
    now = timezone.now()
    for breached in (False, True):
        ticket = make_ticket()
        Ticket.objects.filter(pk=ticket.pk).update(
            warn_at=now - timedelta(hours=1), due_at=now + timedelta(hours=1), sla_breached=breached
        )

    shown = {line.label: line.count for line in panels.figures(panels.count_open(agent, now))}

    assert (shown["Breached"], shown["Near, none missed"]) == (1, 1)


def test_the_parts_of_a_panel_add_up_to_the_whole(desk: User) -> None:
    now = timezone.now()
    found = panels.count_open(desk, now)

    assert found.total == 10
    for lines in (panels.sla_states(found), panels.backlog_age(found, now)):
        assert sum(line.count for line in lines) == found.total
        assert sum(line.share for line in lines) == pytest.approx(1)


def test_tickets_of_a_restricted_department_are_counted_for_its_members_only(desk: User) -> None:
    Department.objects.filter(name="Facilities").update(restricted=True)
    outsider = User.objects.get(pk=desk.pk)

    found = panels.count_open(outsider, timezone.now())
    names = [row["all"].label for row in panels.by_department(outsider, found)["rows"]]

    assert found.total == 5
    assert "Facilities" not in names
    assert {t.department.name for t in panels.deadlines(outsider, timezone.now())} == {"IT Support"}


def test_the_next_deadlines_stand_after_the_two_that_were_missed_last(agent: User) -> None:
    publish_policy(tiers={"standard": {p: {"resolution": "10h"} for p in ("P1", "P2", "P3", "P4")}})
    now = timezone.now()
    for hours in range(1, 20):
        make_ticket(title=f"{hours}", at=now - timedelta(hours=hours))

    shown = panels.deadlines(agent, now)

    assert [t.title for t in shown] == ["11", "10", "9", "8", "7", "6", "5", "4"]
    assert [t.near for t in shown] == ["breached"] * 2 + ["warning"] + ["ok"] * 5  # type: ignore[attr-defined]


def test_where_little_is_to_come_more_of_what_was_missed_is_shown(agent: User) -> None:
    publish_policy(tiers={"standard": {p: {"resolution": "1h"} for p in ("P1", "P2", "P3", "P4")}})
    now = timezone.now()
    for hours in range(12):
        make_ticket(title=f"{hours}", at=now - timedelta(hours=hours, minutes=5))

    assert [t.title for t in panels.deadlines(agent, now)] == [
        "7",
        "6",
        "5",
        "4",
        "3",
        "2",
        "1",
        "0",
    ]


def test_the_triage_panel_sums_up_the_last_days(agent: User) -> None:
    now = timezone.now()
    for days, auto in ((0, 6), (6, 2), (7, 100)):
        DriftDay.objects.create(
            field="category",
            day=(now - timedelta(days=days)).date(),
            decisions=auto + 2,
            auto=auto,
            suggest=1,
            review=1,
            corrected=1,
            agreed=3,
            measured_at=now,
        )

    shown = panels.triage(now)

    assert [line.count for line in shown["bands"]] == [8, 2, 2]
    assert (shown["total"].count, shown["seen"], shown["override_rate"]) == (12, 8, 0.25)


def test_the_page_costs_the_same_statements_however_much_there_is(
    desk: User, client: Client
) -> None:
    client.force_login(desk)
    client.get("/")  # what the process remembers of people and departments

    few = statements_of(lambda: client.get("/"))
    for n in range(20):
        make_escalation(make_ticket(title=f"more {n}", department="Finance"))
        make_server(f"s{n}", state=State.RUNNING)

    assert statements_of(lambda: client.get("/")) == few


def test_escalations_name_what_was_promised_in_words(desk: User) -> None:
    make_escalation(metric="next_update")

    assert [alert["sla_type"] for alert in panels.alerts(desk)] == ["next update"]


def test_a_title_is_never_read_as_markup(desk: User, client: Client) -> None:
    make_escalation(make_ticket(title="<script>alert(1)</script>", priority=1))
    client.force_login(desk)

    text = client.get("/").content.decode()

    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize("path", ["/", "/dashboard/panels/"])
def test_only_people_of_the_desk_see_the_dashboard(path: str, client: Client) -> None:
    assert client.get(path).status_code == 302

    nobody = make_user("nobody", None)
    User.objects.filter(pk=nobody.pk).update(is_staff=True)
    client.force_login(User.objects.get(pk=nobody.pk))
    assert client.get(path).status_code == 403


def test_a_viewer_sees_the_dashboard_without_pages_that_need_more(client: Client, db: Any) -> None:
    client.force_login(make_user("vera", "Viewer"))

    text = client.get("/").content.decode()

    assert ">Fleet</a>" in text
    assert ">Review</a>" not in text


def test_every_priority_has_a_column(agent: User) -> None:
    make_ticket(priority=2, department="Facilities")
    found = panels.count_open(agent, timezone.now())

    [row] = [
        r for r in panels.by_department(agent, found)["rows"] if r["all"].label == "Facilities"
    ]

    assert [line.count for line in row["cells"]] == [0, 1, 0, 0]
    assert len(row["cells"]) == len(Priority)
    assert Ticket.objects.count() == 1


def test_the_oldest_waiting_job_is_told_however_often_it_was_asked_for_again(agent: User) -> None:
    old, new = (make_ticket(title=title) for title in ("old", "new"))
    now = timezone.now()
    hour = now - timedelta(hours=1)
    TriageJob.objects.filter(ticket=old).update(created_at=hour, nudge_at=now + timedelta(hours=1))
    TriageJob.objects.filter(ticket=new).update(nudge_at=now)

    shown = pipeline(agent, now)

    assert (shown["oldest"]["since"], shown["oldest_late"], shown["triage"]["count"]) == (
        hour,
        True,
        2,
    )


def test_a_viewer_is_led_nowhere_that_refuses_her(client: Client) -> None:
    make_ticket(priority=1, department="Facilities")
    client.force_login(make_user("vera", "Viewer"))

    page = client.get("/").content.decode()

    main = page[page.index("<main") :]
    links = {unescape(link) for link in re.findall(r'href="(/[^"]*)"', main)}
    assert len(links) > 10
    refused = {
        link: status
        for link in links
        if (status := client.get(link, follow=True).status_code) != 200
    }
    assert refused == {}
