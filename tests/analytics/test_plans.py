"""The queries behind the figures use their indexes, so that a million tickets cost what a thousand do."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import panels, services
from analytics.models import ChangedTicket
from analytics.opened import opened
from analytics.performance import performance
from analytics.periods import period_of
from analytics.scopes import By, Scope
from analytics.services import counting, refreshing
from analytics.summaries import dashboard, summary
from analytics.trends import trends
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 10, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Any:
    """20,000 tickets of fourteen months, counted."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO tickets_ticket (source, title, description, requester_name, requester_email,
                   customer_tier, tags, server, status, priority, department_id, group_id, locked_fields,
                   triage_status, opened_at, created_at, first_response_at, resolved_at, closed_at, version)
               SELECT 'plans', 'printer', '', '', '', 'standard', '{}', '',
                      CASE WHEN n % 50 = 0 THEN 'open' ELSE 'closed' END, 1 + n % 4, g.department_id, g.id, '{}',
                      'completed', t, t, t, t, t, 1
                 FROM generate_series(1, 20000) n
                 JOIN (SELECT *, row_number() OVER (ORDER BY id) AS number FROM tickets_supportgroup) g
                   ON g.number = 1 + n % 6
                CROSS JOIN LATERAL (SELECT timestamptz '2026-11-22' - n * interval '30 minutes' AS t) x"""
        )
        services.refresh_figures(seconds=None)
        for table in ("ticketfact", "ticketflow", "flowcount", "ticketcount", "changedticket"):
            cursor.execute(f"ANALYZE analytics_{table}")
        cursor.execute("ANALYZE tickets_ticket")
        yield
        cursor.execute("DELETE FROM tickets_ticket WHERE source = 'plans'")
        services.refresh_figures(seconds=None)


def plans_of(work: Any) -> str:
    """How the database would answer each question of `work`."""
    with CaptureQueriesContext(connection) as captured:
        work()
    found = []
    for query in captured:
        if "analytics_" in query["sql"] or "tickets_ticket" in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + query["sql"])
                found += [line for (line,) in cursor.fetchall()]
    return "\n".join(found)


def test_trends_read_the_counts_of_their_days_only(many: None) -> None:
    period = period_of(NOW, 90, ZoneInfo("Asia/Kathmandu"))
    for by in (None, By.DEPARTMENT, By.GROUP, By.PRIORITY):
        text = plans_of(lambda by=by: trends(Scope(hidden=(3,)), period, by))

        assert "analytics_flowcount_pkey" in text
        assert "analytics_flow_at" in text
        assert "Seq Scan on analytics_flowcount" not in text
        assert "Seq Scan on analytics_ticketflow" not in text


def test_performance_reads_the_tickets_of_its_periods_only(many: None) -> None:
    period = period_of(NOW, 30, ZoneInfo("UTC"))
    text = plans_of(lambda: performance(Scope(), period, By.GROUP))

    for index in ("triaged", "answered", "resolved"):
        assert f"analytics_fact_{index}" in text
    assert "Seq Scan on analytics_ticketfact" not in text


def test_a_summary_reads_no_ticket(many: None) -> None:
    period = period_of(NOW, 30, ZoneInfo("UTC"))
    for scope in (Scope(), Scope(department=1), Scope(group=1), Scope(agent=1)):
        text = plans_of(lambda scope=scope: (summary(scope, period), dashboard(scope, NOW)))

        assert " on analytics_ticketfact" not in text
        assert " on tickets_ticket" not in text


def test_tickets_opened_lately_are_read_by_the_index_of_their_times(many: None) -> None:
    assert "tickets_ticket_opened" in plans_of(lambda: opened(Scope(), "week", NOW))


def test_the_dashboard_counts_open_tickets_in_an_index_that_holds_no_others(many: None) -> None:
    with connection.cursor() as cursor:  # of so few tickets any index will do
        cursor.execute("SET LOCAL enable_bitmapscan = off; DROP INDEX tickets_ticket_status")
    text = plans_of(lambda: panels.count_open(make_user("bob", "Agent"), NOW))

    assert "Index Only Scan using tickets_ticket_live" in text


def test_a_tick_looks_at_what_changed_and_at_nothing_else(many: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tickets_ticket WHERE source = 'plans' ORDER BY id LIMIT 50")
        ids = [pk for (pk,) in cursor.fetchall()]
        cursor.execute("EXPLAIN " + counting.COUNT, {"ids": ids})
        text = "\n".join(line for (line,) in cursor.fetchall())

    for table in ("tickets_ticket", "analytics_ticketfact", "analytics_ticketflow"):
        assert f"Seq Scan on {table} " not in text
    assert not ChangedTicket.objects.exists()


def test_the_oldest_changes_are_taken_by_their_index(many: None) -> None:
    ChangedTicket.objects.bulk_create(ChangedTicket(ticket_id=-n) for n in range(1, 20_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_changedticket")
        cursor.execute("EXPLAIN " + refreshing.TAKE, [5000])
        text = str(cursor.fetchall())

    assert "analytics_changedticket_pkey" in text
