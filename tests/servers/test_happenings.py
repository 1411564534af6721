"""What happens to servers becomes incidents."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from servers import tasks
from servers.lifecycle import State
from servers.models import Incident, MaintenanceWindow, ServerEvent
from servers.services import follow_events, forget_old_events, happenings, settle_incidents
from servers.services.happenings import count_dependents
from tests.factories import NOON
from tests.servers.alerts import later
from tests.servers.happenings import happen, make_server
from tickets.models import Ticket
from workers.models import DeadLetter
from workers.services import retry_dead_letters

pytestmark = pytest.mark.django_db


def test_a_failed_server_opens_a_ticket_with_its_facts() -> None:
    server = make_server(host_group="rack-7", environment="staging")
    make_server("api-1", role="api", needs=(server,))
    happen(server, State.FAILED, reason="no heartbeat for 3 minutes")

    assert follow_events(now=NOON) == 1

    ticket, incident = Ticket.objects.get(), Incident.objects.get()
    assert ticket.title == "Server db-1 failed: no heartbeat for 3 minutes"
    assert ticket.description.splitlines() == [
        "Server db-1 failed at 2026-03-03 12:00:00 UTC; it was running before.",
        "Reason: no heartbeat for 3 minutes",
        "Role: database",
        "Region: eu-1",
        "Host group: rack-7",
        "Environment: staging",
        "Servers that need it, directly or through others: 1",
        "Seen by: simulation (simulation)",
    ]
    assert (ticket.impact, ticket.urgency) == (1, 2)
    assert (ticket.source, ticket.server) == ("servers", "db-1")
    assert (incident.server, incident.ticket, incident.state) == (server, ticket, "firing")
    assert not ServerEvent.objects.waiting().exists()


def test_a_recovery_resolves_the_ticket_after_the_grace() -> None:
    server = make_server()
    happen(server, State.FAILED)
    happen(server, State.BOOTING, at=later(minutes=1))
    happen(server, State.RUNNING, at=later(minutes=2))
    follow_events(now=later(minutes=2))

    assert settle_incidents(now=later(minutes=3, seconds=59)) == 0
    assert Ticket.objects.get().status == "open"
    assert settle_incidents(now=later(minutes=4)) == 1
    assert Ticket.objects.get().status == "resolved"


def test_failing_again_goes_on_with_the_ticket() -> None:
    server = make_server()
    for minute in (0, 20):
        happen(server, State.FAILED, at=later(minutes=minute))
        happen(server, State.RUNNING, at=later(minutes=minute + 1))
        follow_events(now=later(minutes=minute + 1))
        settle_incidents(now=later(minutes=minute + 5))

    assert Ticket.objects.get().status == "resolved"
    assert Incident.objects.get().alerts == 2


def test_what_was_well_and_stays_well_leaves_no_trace() -> None:
    server = make_server()
    happen(server, State.DEGRADED)
    happen(server, State.RUNNING, at=later(minutes=1))

    assert follow_events(now=later(minutes=1)) == 2
    assert not Incident.objects.exists()


def test_more_events_than_one_chunk_are_followed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servers.services.happenings.CHUNK", 2)
    server = make_server()
    for minute in range(5):
        happen(server, State.FAILED, at=later(minutes=2 * minute))
        happen(server, State.RUNNING, at=later(minutes=2 * minute + 1))

    assert follow_events(now=later(minutes=10)) == 10
    incident = Incident.objects.get()
    assert (incident.state, incident.alerts) == ("recovering", 5)
    assert incident.flapping_since is not None


def test_dependents_are_counted_through_others_and_once() -> None:
    switch = make_server("switch", role="network")
    left, right = (make_server(name, needs=(switch,)) for name in ("left", "right"))
    make_server("web", needs=(left, right))

    assert count_dependents({switch.pk, left.pk}) == {switch.pk: 3, left.pk: 1}


def test_a_poisonous_event_is_set_aside_and_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    apply = happenings.apply_alerts

    def refuse_bad(*, alerts: Any, now: Any) -> Any:
        if any("bad" in alert.title for alert in alerts):
            raise ValueError("no such luck")
        return apply(alerts=alerts, now=now)

    for name in ("good", "bad", "fine"):
        happen(make_server(name), State.FAILED)
    with monkeypatch.context() as patched:
        patched.setattr(happenings, "apply_alerts", refuse_bad)
        follow_events(now=NOON)

    assert set(Incident.objects.values_list("server__name", flat=True)) == {"good", "fine"}
    letter = DeadLetter.objects.get()
    assert (letter.subject, letter.reason) == (
        "bad: running → failed",
        "ValueError: no such luck",
    )
    assert not ServerEvent.objects.waiting().exists()

    assert retry_dead_letters(letters=[letter], actor="ada", now=NOON) == 1
    follow_events(now=NOON)
    assert Incident.objects.count() == 3


def test_whoever_goes_one_by_one_leaves_at_once_when_somebody_else_is_at_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    happen(make_server(), State.FAILED)
    other: Any = connection.copy()

    class Quicker:
        """Between the chunk that failed and the first event alone, another one takes the lock."""

        def warning(self, *_: Any, **__: Any) -> None:
            with other.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_lock(hashtextextended('server events', 0))",
                )

    def refuse(**_: Any) -> Any:
        raise ValueError("no such luck")

    monkeypatch.setattr(happenings, "log", Quicker())
    monkeypatch.setattr(happenings, "apply_alerts", refuse)
    monkeypatch.setattr(happenings, "RUN_SECONDS", 1.0)
    try:
        assert follow_events(now=NOON) == 0
    finally:
        other.close()
    assert ServerEvent.objects.waiting().exists()
    assert not DeadLetter.objects.exists()


def test_old_events_are_forgotten_but_those_of_problems_that_go_on_or_nobody_followed() -> None:
    mended, broken, unheard = (make_server(name) for name in ("mended", "broken", "unheard"))
    happen(broken, State.DEGRADED, at=later(minutes=-1))
    for server in (mended, broken):
        happen(server, State.FAILED)
    happen(mended, State.RUNNING, at=later(minutes=1))
    follow_events(now=later(minutes=1))
    settle_incidents(now=later(minutes=10))
    happen(unheard, State.FAILED)
    happen(broken, State.BOOTING, at=later(days=90))
    ServerEvent.objects.filter(server=broken).update(handled_at=NOON)

    assert forget_old_events(later(days=89)) == 0
    assert forget_old_events(later(days=91)) == 3
    left = ServerEvent.objects.order_by("pk").values_list("server__name", "new")
    assert list(left) == [("broken", "failed"), ("unheard", "failed"), ("broken", "booting")]


def test_maintenance_of_a_region_opens_nothing_until_it_ends() -> None:
    window = MaintenanceWindow.objects.create(
        title="Power", labels={"region": "eu-1"}, starts_at=NOON, ends_at=later(hours=1)
    )
    broken, mended = make_server("broken"), make_server("mended")
    for server in (broken, mended):
        happen(server, State.FAILED, at=later(minutes=1))
    happen(mended, State.RUNNING, at=later(minutes=10))
    follow_events(now=later(minutes=10))
    settle_incidents(now=later(minutes=30))
    assert not Ticket.objects.exists()
    assert set(Incident.objects.values_list("state", "suppressed")) == {
        ("firing", True),
        ("resolved", True),
    }

    assert settle_incidents(now=window.ends_at) == 1
    assert Ticket.objects.get().title == "Server broken failed"
    assert settle_incidents(now=later(hours=2)) == 0


def test_the_tasks_follow_and_settle_by_the_clock() -> None:
    server, long_ago = make_server(), timezone.now() - timedelta(hours=1)
    happen(server, State.FAILED, at=long_ago)
    happen(server, State.RUNNING, at=long_ago + timedelta(minutes=1))

    assert tasks.follow_events.run(ids=[1]) == 2
    assert tasks.settle_incidents.run() == 0  # the grace begins when the recovery is heard of
    Incident.objects.update(resolve_at=long_ago)
    assert tasks.settle_incidents.run() == 1
