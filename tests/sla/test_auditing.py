"""Nothing due is missed without somebody hearing of it. Pains 7 and 9 of other systems."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sla.models import SlaClock
from sla.services import audit, check_clocks, findings
from tests.factories import make_ticket
from tests.scraping import scraped
from tests.sla.policies import publish_policy
from workers.models import Heartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]
LATE = timedelta(minutes=10)


def make_missed() -> SlaClock:
    """A clock that fell due ten minutes ago and that nobody looked at."""
    ticket = make_ticket(priority=3, at=timezone.now())
    SlaClock.objects.filter(ticket=ticket, metric="resolution").update(
        next_check_at=timezone.now() - LATE
    )
    return SlaClock.objects.get(ticket=ticket, metric="resolution")


@pytest.fixture
def heartbeat(settings: Any) -> Iterator[list[str]]:
    """Whoever watches from outside: the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.SLA_HEARTBEAT_URL = f"http://127.0.0.1:{server.server_port}/ping/secret"
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_desk_in_order_has_nothing_to_say_and_tells_the_outside_so(heartbeat: list[str]) -> None:
    make_ticket(priority=3, at=timezone.now())

    assert audit() == 0
    assert findings() == []
    assert heartbeat == ["/ping/secret"]


def test_pain_7_a_missed_clock_is_said_and_the_outside_hears_silence(heartbeat: list[str]) -> None:
    make_missed()

    assert audit() == pytest.approx(600, abs=30)
    assert any("1 SLA clock is due and was not checked" in said for said in findings())
    assert heartbeat == []


def test_a_missed_clock_makes_health_fail(client: Client) -> None:
    make_missed()
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")

    check_clocks()
    assert client.get("/health").status_code == 200


def test_a_clock_that_cannot_be_checked_is_said() -> None:
    clock = make_missed()
    SlaClock.objects.filter(pk=clock.pk).update(
        failures=2, error="ValueError: no", next_check_at=timezone.now() + timedelta(minutes=4)
    )

    [said] = findings()
    assert said.startswith("1 SLA clock cannot be checked, such as that of ticket #")
    assert "ValueError: no" in said


def test_an_auditor_that_stopped_is_said() -> None:
    audit()
    Heartbeat.objects.filter(name="sla.audit").update(beat_at=timezone.now() - LATE)

    assert any("The SLA auditor has not run since" in said for said in findings())


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/secret", "http://desk:port/secret"])
def test_a_heartbeat_address_that_is_away_or_wrong_fails_nothing(
    address: str, settings: Any
) -> None:
    settings.SLA_HEARTBEAT_URL = address

    assert audit() == 0


def test_the_audit_reads_two_indexes(django_assert_num_queries: Any) -> None:
    for _ in range(3):
        make_missed()
    with CaptureQueriesContext(connection) as captured:
        findings()
    looks = [q["sql"] for q in captured if "sla_slaclock" in q["sql"]]
    assert len(looks) == 2
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in looks:
            cursor.execute("EXPLAIN " + sql)
            plan = " ".join(row[0] for row in cursor.fetchall())
            assert "sla_clock_next_check" in plan or "sla_clock_broken" in plan


def test_metrics_tell_lateness_and_what_waits() -> None:
    publish_policy(tiers={"standard": {"P3": {"resolution": 60}}})
    make_missed()

    text = scraped()

    [line] = [x for x in text.splitlines() if x.startswith("smartops_sla_lag_seconds ")]
    assert float(line.split()[1]) == pytest.approx(600, abs=30)
    assert "smartops_sla_missed_clocks 1.0" in text
    assert "smartops_sla_escalation_lateness_seconds_count 0.0" in text
