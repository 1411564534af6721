"""The report: figures in words, and whether a change is good."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from analytics import bounds, report
from analytics.services import refresh_figures
from tests.factories import make_ticket, make_user
from tests.sla.policies import publish_policy
from tickets.lifecycle import Status
from tickets.models import Department, SupportGroup, Ticket
from tickets.services import change_tickets, move_tickets


def period(**values: Any) -> dict[str, Any]:
    """A period's figures in which nothing happened but `values`."""
    times = {"median": values.pop("median", None), "p90": None}
    return {
        **dict.fromkeys(("created", "resolved", "breached"), 0),
        **dict.fromkeys(("reopen_rate", "override_rate", "average_confidence")),
        "sla": {"total": {"attainment": values.pop("attainment", None)}},
        "first_response": {"wall": times},
        "resolution": {"wall": times, "business": times},
        "triage_latency": times,
        **values,
    }


def figure(label: str, now: dict[str, Any], before: dict[str, Any]) -> report.Figure:
    return next(one for one in report.figures(now, before) if one.label == label)


@pytest.mark.parametrize(
    ("label", "name", "now", "before", "tone", "trend"),
    [
        ("Resolved", "resolved", 12, 10, "good", "↑ 20 %"),
        ("Resolved", "resolved", 8, 10, "bad", "↓ 20 %"),
        ("Deadlines missed", "breached", 12, 10, "bad", "↑ 20 %"),
        ("Deadlines missed", "breached", 5, 10, "good", "↓ 50 %"),
        ("First response", "median", 30, 60, "good", "↓ 50 %"),
        ("Promises kept", "attainment", 90.5, 90.0, "calm", "→ 1 %"),
        ("Created", "created", 20, 10, "calm", "↑ 100 %"),
        ("Resolved", "resolved", 8, 0, "calm", ""),
        ("Promises kept", "attainment", None, 90.0, "calm", ""),
    ],
)
def test_a_change_is_good_or_bad_by_what_is_counted(
    label: str, name: str, now: Any, before: Any, tone: str, trend: str
) -> None:
    found = figure(label, period(**{name: now}), period(**{name: before}))

    assert (found.tone, found.trend) == (tone, trend)


def test_the_part_with_the_most_tickets_comes_first() -> None:
    parts = [
        {"name": name, "current": period(created=created), "previous": period()}
        for name, created in (("b", 1), ("c", 7), ("a", 1))
    ]

    rows = report.table(parts)

    assert [row["name"] for row in rows] == ["c", "a", "b"]
    assert [len(row["figures"]) for row in rows] == [len(report.COLUMNS)] * 3


@pytest.fixture
def reader(db: None, client: Client) -> Client:
    """A viewer's browser; three tickets of IT Support, two of them resolved, and one of HR."""
    publish_policy()
    now = timezone.now()
    for n in range(3):
        ticket = make_ticket(at=now - timedelta(hours=5), department="IT Support", priority=3)
        if n:
            move_tickets(
                ids=[ticket.pk], status=Status.RESOLVED, actor="ana", now=now - timedelta(hours=3)
            )
    make_ticket(at=now, department="HR")
    refresh_figures()
    client.force_login(make_user("vera", "Viewer"))
    return client


def test_the_page_shows_the_figures_of_what_is_chosen(reader: Client) -> None:
    page = reader.get("/report/?days=7&department=it support")

    shown = {one.label: one.text for one in page.context["figures"]}
    assert (shown["Created"], shown["Resolved"], shown["Resolution"]) == ("3", "2", "2 h")
    assert [row["name"] for row in page.context["rows"]] == ["IT Support"]
    assert "<option selected>IT Support</option>" in page.content.decode()


@pytest.mark.parametrize("by", ["department", "group", "agent", "priority"])
@pytest.mark.parametrize("department", ["", "IT Support"])
def test_what_was_created_leads_to_the_list_of_as_many_tickets(
    reader: Client, by: str, department: str
) -> None:
    change_tickets(
        ids=list(Ticket.objects.filter(priority=3).values_list("pk", flat=True)),
        values={"assignee": "vera", "group": SupportGroup.objects.first().name},
        actor="ana",
        now=timezone.now(),
    )
    refresh_figures()

    page = reader.get("/report/", {"by": by, "department": department})

    parts = [(row["size"], row["tickets"]) for row in page.context["rows"] if row["tickets"]]
    [created] = [one.text for one in page.context["figures"] if one.label == "Created"]
    assert parts
    for size, address in (*parts, (int(created), page.context["tickets"])):
        assert len(reader.get(address).context["rows"].split("<tr")) - 1 == size
        assert f'href="{escape(address)}">{size}</a>' in page.content.decode()


def test_a_wrong_choice_is_told_and_the_usual_report_shown(reader: Client) -> None:
    page = reader.get("/report/?days=0&tz=Mars/Olympus")

    text = page.content.decode()
    assert page.status_code == 200
    assert "days: Ensure this value is greater than or equal to 1." in text
    assert "&#x27;Mars/Olympus&#x27; is not a time zone" in text
    assert page.context["chosen"]["days"] == 30


def test_a_restricted_department_is_neither_offered_nor_counted(reader: Client) -> None:
    Department.objects.filter(name="HR").update(restricted=True)

    page = reader.get("/report/?by=department")
    asked = reader.get("/report/?department=HR").content.decode()

    assert {one.label: one.text for one in page.context["figures"]}["Created"] == "3"
    assert ">HR<" not in page.content.decode()
    assert "There is no department &#x27;HR&#x27;" in asked


def test_days_begin_where_the_browser_is(reader: Client) -> None:
    reader.cookies["tz"] = "Asia/Kolkata"

    assert reader.get("/report/").context["period"]["tz"] == "Asia/Kolkata"
    page = reader.get("/report/?tz=UTC&days=45")
    assert page.context["period"]["tz"] == "UTC"
    text = page.content.decode()
    assert '<input type="hidden" name="tz" value="UTC">' in text
    assert '<option value="45" selected>45 days</option>' in text
    assert 'data-days="45" data-department="" data-tz="UTC"' in text


@pytest.mark.django_db
def test_only_people_of_the_desk_see_the_report(client: Client) -> None:
    assert client.get("/report/").status_code == 302

    User.objects.filter(pk=make_user("nobody", None).pk).update(is_staff=True)
    client.force_login(User.objects.get(username="nobody"))
    assert client.get("/report/").status_code == 403


@pytest.mark.django_db
def test_medians_of_too_many_tickets_are_refused_and_fewer_shown(
    agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    for days in (0, 3, 3):
        make_ticket(at=now - timedelta(days=days), department="Finance")
    refresh_figures()
    monkeypatch.setattr(bounds, "MOST_SORTED", 2)
    client = Client()
    client.force_login(agent)

    page = client.get("/report/?days=90&department=Finance&by=priority")

    assert "medians of 3 tickets" in page.context["problem"]
    assert page.context["period"]["days"] == 1
    assert page.context["chosen"]["department"] == "Finance"
    assert page.context["chosen"]["by"] == "priority"
