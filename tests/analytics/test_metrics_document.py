"""docs/metrics.md keeps its word: its queries, a slow plain computation and the API say the same."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from analytics import services
from analytics.models import FlowKind, TicketFlow
from tests.analytics.histories import DAYS, END, History
from tests.analytics.plain import Plain
from tests.conftest import client_for
from tickets.models import Department, SupportGroup, Ticket
from triage.models import DriftDay
from triage.services import measure_drift

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
QUERIES = dict(re.findall(r"^### `(.+?)`\n.+?^```sql\n(.+?)^```", PAGE.read_text(), re.M | re.S))
#: Of what there is now; the others are of a period.
STANDING = {"total_tickets", "open_tickets", "resolved_tickets", "by_status", "backlog"}
#: Of the dashboards: named as the answers name them.
BOARDS = {
    *("open_by_priority", "recent_tickets_24h", "department_distribution", "not_routed"),
    *("department_percentages", "average_confidence_by_department", "created_by_department"),
    "overall_average_confidence",
}
#: Said in the sentence of what they are made of, or repeat.
EXPLAINED = {
    *("corrected", "agreed", "by_priority", "by_tier", "by_department", "by_group", "by_agent"),
    *("by_category", "by_classification", "total_routings", "average_categorization_confidence"),
}
#: No figures: what was asked for, how old the answer is, and what holds figures that are looked at one by one.
FRAME = {
    *("period", "as_of", "age_seconds", "days", "department", "current", "previous"),
    *("open", "flows", "daily", "daily_ticket_creation", "totals"),
}
METRICS = ("first_response", "next_update", "resolution")
NAMES = sorted(QUERIES.keys() - STANDING - BOARDS - {"sla.metric.attainment"}) + [
    f"sla.{metric}.attainment" for metric in METRICS
]

pytestmark = pytest.mark.django_db


def ask(name: str, scope: str = "true", **given: Any) -> list[Any]:
    """The rows of the document's query."""
    query = QUERIES[name].replace(":scope", scope)
    if name == "average_confidence" and given:
        query += " AND t.opened_at >= :'from' AND t.opened_at < :'until'"
    query = re.sub(r":'(\w+)'", r"%(\1)s", query)
    with connection.cursor() as cursor:
        cursor.execute(query, given or None)
        return list(cursor.fetchall())


def figure(name: str, scope: str, start: datetime, end: datetime) -> Any:
    given: dict[str, Any] = {"from": start, "until": end}
    if name.startswith("sla.") and name.split(".")[1] in METRICS:
        name, given["metric"] = "sla.metric.attainment", name.split(".")[1]
    return ask(name, scope, **given)[0][0]


def shown(figures: dict[str, Any], name: str) -> Any:
    """What the API answers for it: a number, or median, p90 and p95."""
    for part in name.split("."):
        figures = figures[part]
    if isinstance(figures, dict):
        return [figures[share] for share in ("median", "p90", "p95")] if figures["count"] else None
    return figures


def same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    if isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return abs(float(one) - float(other)) < 0.006


@pytest.fixture(params=range(2))
def desk(request: pytest.FixtureRequest) -> Iterator[APIClient]:
    """A desk with a past, as one sees it who sees all, the moment after."""
    History(100 + request.param).play(160)
    services.refresh_figures()
    with time_machine.travel(END + timedelta(seconds=1), tick=False):
        yield client_for(User.objects.create_superuser("zoe"))


def test_the_document_defines_what_the_api_shows(api: APIClient) -> None:
    services.refresh_figures()
    addresses = (
        *("analytics/summary", "analytics/performance", "analytics/trends", "analytics/tickets"),
        *("analytics/department/Finance", "dashboard/summary", "dashboard/routing"),
    )
    answers = [api.get(f"/api/v1/{address}/").data for address in addresses]
    [_, performance, trends, *_] = answers
    answers += [performance["current"], *trends["daily"][:1], trends["totals"]]
    known = {name.split(".")[0] for name in QUERIES} | EXPLAINED | FRAME | {"date"}

    assert {name for answer in answers for name in answer} - known == set()
    assert all(f"`{name}`" in PAGE.read_text() for name in EXPLAINED)
    assert len(QUERIES) == PAGE.read_text().count("```sql")


def test_histories_hold_everything_that_is_counted() -> None:
    for seed in range(100, 103):
        History(seed).play(200)
    services.refresh_figures()

    assert {*TicketFlow.objects.values_list("kind", flat=True)} == {*FlowKind}


def test_every_figure_of_a_period_is_what_its_query_and_plain_python_say(desk: APIClient) -> None:
    scopes = {"": ("true", lambda t: True)}
    for department in Department.objects.all():
        scopes[f"department={department.name}&"] = (
            f"t.department_id = {department.pk}",
            lambda t, pk=department.pk: t.department_id == pk,
        )
    for group in SupportGroup.objects.all()[:4]:
        scopes[f"group={group.name}&"] = (
            f"t.group_id = {group.pk}",
            lambda t, pk=group.pk: t.group_id == pk,
        )
    agent = User.objects.get(username="agent0")
    scopes["agent=agent0&"] = (
        f"t.assignee_id = {agent.pk}",
        lambda t: t.assignee_id == agent.pk,
    )
    for given, (scope, chosen) in scopes.items():
        plain = Plain(chosen)
        for days in (1, 6):
            data = desk.get(f"/api/v1/analytics/performance/?{given}days={days}").data
            for part, period in (
                ("current", data["period"]),
                ("previous", data["period"]["previous"]),
            ):
                span = (period["from"].astimezone(UTC), period["to"].astimezone(UTC))
                slow = plain.figures(*span)
                for name in NAMES:
                    values = (
                        shown(data[part], name),
                        slow[name],
                        figure(name, scope, *span),
                    )
                    assert same(values[0], values[1]), (given, days, part, name, values)
                    assert same(values[1], values[2]), (given, days, part, name, values)


def test_a_breakdown_says_what_each_part_says_alone(desk: APIClient) -> None:
    for by in ("department", "group", "agent"):
        whole = desk.get(f"/api/v1/analytics/performance/?days={DAYS}&by={by}").data
        for part in whole["breakdown"]:
            if part["name"] != "none":
                alone = desk.get(
                    f"/api/v1/analytics/performance/?days={DAYS}&{by}={part['name']}"
                ).data
                assert part["current"] == alone["current"]
    priorities = desk.get(f"/api/v1/analytics/performance/?days={DAYS}&by=priority").data
    for number, name in ((1, "critical"), (3, "medium"), (4, "low")):
        [found] = [p for p in priorities["breakdown"] if p["name"] == name]
        plain = Plain(lambda t, n=number: t.priority == n)
        period = priorities["period"]
        slow = plain.figures(period["from"], period["to"])
        assert all(same(shown(found["current"], n), slow[n]) for n in NAMES)


def test_each_day_of_the_trends_is_what_the_queries_say(desk: APIClient) -> None:
    pk = Department.objects.get(name="IT Support").pk
    everywhere = Plain()
    there = Plain(lambda t: t.department_id == pk)
    for zone, given, scope, plain in (
        ("UTC", "", "true", everywhere),
        ("Asia/Kathmandu", "", "true", everywhere),
        ("America/New_York", "department=IT Support&", f"t.department_id = {pk}", there),
    ):
        data = desk.get(f"/api/v1/analytics/trends/?{given}days={DAYS + 3}&tz={zone}").data
        start = data["period"]["from"]
        for number, day in enumerate(data["daily"]):
            local = start.replace(tzinfo=None) + timedelta(days=number)
            begin = local.replace(tzinfo=start.tzinfo).astimezone(UTC)
            end = (local + timedelta(days=1)).replace(tzinfo=start.tzinfo).astimezone(UTC)
            end = min(end, data["period"]["to"].astimezone(UTC))
            slow = plain.figures(begin, end)
            for name in ("created", "resolved", "cancelled", "reopened", "breached"):
                assert day[name] == slow[name] == figure(name, scope, begin, end), (day, name)
            backlog = ask("backlog", scope, until=end)[0][0]
            assert day["backlog"] == plain.backlog(end) == backlog, day


def test_the_parts_of_a_day_make_up_the_day(desk: APIClient) -> None:
    for by in (
        *("department", "group", "priority"),
        *("priority&group=Network", "priority&agent=agent0", "priority&department=IT Support"),
    ):
        data = desk.get(f"/api/v1/analytics/trends/?days={DAYS + 3}&by={by}").data
        for number, day in enumerate(data["daily"]):
            parts = [part["daily"][number] for part in data["breakdown"]]
            for name in ("created", "resolved", "cancelled", "reopened", "breached", "backlog"):
                assert sum(part[name] for part in parts) == day[name], (by, day, name)
        for name, total in data["totals"].items():
            parts = [part["totals"][name] for part in data["breakdown"]]
            for value in ("value", "previous"):
                assert sum(part[value] for part in parts) == total[value], (by, name)


def test_what_there_is_is_what_the_queries_say(desk: APIClient) -> None:
    data = desk.get("/api/v1/analytics/summary/").data
    network = SupportGroup.objects.get(name="Network")
    group = desk.get("/api/v1/analytics/summary/?group=Network").data

    assert data["total_tickets"] == ask("total_tickets")[0][0] == Ticket.objects.count()
    assert data["open_tickets"] == ask("open_tickets")[0][0]
    assert data["average_confidence"] is not None
    assert same(data["average_confidence"], ask("average_confidence")[0][0])
    head = desk.get("/api/v1/analytics/performance/?days=1").data
    assert head["total_tickets"] == data["total_tickets"]
    assert head["resolved_tickets"] == ask("resolved_tickets")[0][0] > 0
    assert same(head["resolution_rate"], 100 * head["resolved_tickets"] / head["total_tickets"])
    assert head["average_categorization_confidence"] == data["average_confidence"]
    assert {k: v for k, v in data["by_status"].items() if v} == dict(ask("by_status"))
    assert group["total_tickets"] == ask("total_tickets", f"t.group_id = {network.pk}")[0][0]
    slugs = Ticket.objects.values_list("category__slug", flat=True)
    assert data["by_classification"] == {slug or "none": [*slugs].count(slug) for slug in {*slugs}}


def test_the_dashboards_are_what_the_queries_say(desk: APIClient) -> None:
    board = desk.get("/api/v1/dashboard/summary/").data
    routing = desk.get("/api/v1/dashboard/routing/").data
    period, now = routing["period"], datetime.now(UTC)

    open_ones = {name: n for name, n in board["open_by_priority"].items() if n}
    assert open_ones == dict(ask("open_by_priority"))
    assert board["recent_tickets_24h"] == ask("recent_tickets_24h", until=now)[0][0]
    assert routing["department_distribution"] == dict(ask("department_distribution"))
    assert routing["total_routings"] == sum(routing["department_distribution"].values()) > 0
    assert routing["not_routed"] == ask("not_routed")[0][0]
    sure = "overall_average_confidence"
    assert same(routing[sure], ask(sure)[0][0])
    for name in ("department_percentages", "average_confidence_by_department"):
        said = dict(ask(name))
        assert routing[name].keys() == said.keys()
        assert all(same(value, said[key]) for key, value in routing[name].items())
    for part, span in (("value", period), ("previous", period["previous"])):
        found = ask("created_by_department", **{"from": span["from"], "until": span["to"]})
        shown = {name: one[part] for name, one in routing["created_by_department"].items()}
        assert {name: n for name, n in shown.items() if n and name != "none"} == dict(found)


def test_overrides_agree_with_the_pages_on_drift(desk: APIClient) -> None:
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in range(DAYS + 2)]
    measure_drift(days=days, now=datetime.now(UTC))

    data = desk.get(f"/api/v1/analytics/performance/?days={DAYS + 2}").data["current"]

    rows = DriftDay.objects.values_list("corrected", "agreed")
    assert data["corrected"] == sum(corrected for corrected, _ in rows)
    assert data["agreed"] == sum(agreed for _, agreed in rows)
