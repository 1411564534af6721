"""Bodies are kept, taken by workers, and become alerts."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from servers.models import Delivery, Incident, Integration
from servers.services import deliveries, incidents
from servers.services.integrations import change_integration
from tests.factories import NOON
from tests.servers.intake import make_sender, receive, take
from tests.servers.payloads import ALERTMANAGER, ALERTMANAGER_RESOLVED, GENERIC, SENTRY_ISSUE
from tests.statements import statements_of
from tickets.lifecycle import Status
from tickets.models import Department, Ticket, TicketEvent
from tickets.services import move_tickets
from workers import leases
from workers.leases import State
from workers.models import DeadLetter

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def results(delivery: Delivery) -> list[tuple[str, int | None]]:
    return [(one["result"], one["ticket"]) for one in delivery.results]


def test_a_body_becomes_a_ticket_with_what_its_integration_says() -> None:
    finance = Department.objects.get(name="Finance")
    integration, _ = make_sender("Prometheus", source="alertmanager", department=finance)

    [delivery] = take(*receive(integration, ALERTMANAGER))

    ticket = Ticket.objects.get()
    assert delivery.state == State.DONE
    assert results(delivery) == [("created", ticket.pk)]
    assert ticket.title == "BlackBox Probe Failure: https://server.example.org"
    assert (ticket.impact, ticket.urgency, ticket.department) == (1, 1, finance)
    assert ticket.server == "server.example.org"
    integration.refresh_from_db()
    assert integration.last_alert_at == NOON


def test_what_ends_a_problem_resolves_its_ticket() -> None:
    integration, _ = make_sender("Prometheus", source="alertmanager")
    [first] = take(*receive(integration, ALERTMANAGER))
    at = NOON + 5 * MINUTE
    [over] = take(*receive(integration, ALERTMANAGER_RESOLVED, at=at), at=at)

    ticket = Ticket.objects.get()
    assert results(over) == [("resolved", ticket.pk)]
    assert ticket.status == Status.RESOLVED
    assert first.results[0]["key"] == over.results[0]["key"]


def test_a_group_that_still_fires_reopens_the_ticket_that_a_person_resolved() -> None:
    """Alertmanager repeats with the times at which its alerts began."""
    integration, _ = make_sender("Prometheus", source="alertmanager")

    def come(minute: int, *, taken: int) -> tuple[str, int | None]:
        ids = receive(integration, ALERTMANAGER, at=NOON + timedelta(minutes=minute))
        [delivery] = take(*ids, at=NOON + timedelta(minutes=taken))
        return delivery.results[0]["result"], delivery.results[0]["ticket"]

    word, ticket = come(0, taken=0)
    assert (word, come(1, taken=1)) == ("created", ("appended", ticket))
    move_tickets(
        ids=[ticket or 0], status=Status.RESOLVED, actor="ana", now=NOON + timedelta(minutes=5)
    )

    assert come(4, taken=60)[0] == "ignored"  # it came before, and lay here
    assert come(65, taken=65) == ("reopened", ticket)
    told = TicketEvent.objects.filter(ticket=ticket).latest("pk").reason
    assert told == "Prometheus: it still fires."
    assert come(66, taken=66) == ("appended", ticket)
    late = NOON + timedelta(hours=2)
    [over] = take(*receive(integration, ALERTMANAGER_RESOLVED, at=late), at=late)
    assert over.results[0]["result"] == "resolved"


def group(status: str, service: str, began: int, ended: int = 0) -> dict[str, Any]:
    """A message of Alertmanager about one alert of a group, with its times in minutes."""
    [alert] = ALERTMANAGER["alerts"]
    times = {"startsAt": (NOON + began * MINUTE).isoformat()}
    if status == "resolved":
        times["endsAt"] = (NOON + ended * MINUTE).isoformat()
    changed = {**alert, **times, "status": status, "labels": {"service": service}}
    return {**ALERTMANAGER, "status": status, "alerts": [changed]}


def became(integration: Integration, payload: Any, minutes: int) -> str:
    at = NOON + minutes * MINUTE
    [delivery] = take(*receive(integration, payload, at=at), at=at)
    return str(delivery.results[0]["result"])


def test_what_a_silence_of_alertmanager_held_back_is_not_lost() -> None:
    integration, _ = make_sender("Prometheus", source="alertmanager")
    became(integration, group("firing", "shop", 0), 1)
    became(integration, group("resolved", "shop", 0, 10), 11)

    # It fires for longer than the other one was over, and its silence ends now.
    assert became(integration, group("firing", "mail", 5), 20) == "reopened"

    assert Ticket.objects.get().status == Status.OPEN
    assert Incident.objects.get().first_at == NOON


def test_a_group_reopens_at_once_for_what_began_after_a_person_resolved_its_ticket() -> None:
    integration, _ = make_sender("Prometheus", source="alertmanager")
    became(integration, group("firing", "shop", 0), 1)
    ids = [Ticket.objects.get().pk]
    move_tickets(ids=ids, status=Status.RESOLVED, actor="ana", now=NOON + 10 * MINUTE)

    assert became(integration, group("firing", "shop", 0), 12) == "ignored"  # a cure takes time
    assert "when its ticket was ended" in Delivery.objects.latest("pk").results[0]["detail"]
    assert became(integration, group("firing", "mail", 11), 13) == "reopened"
    assert TicketEvent.objects.latest("pk").reason == "Prometheus: it is back."
    assert became(integration, group("resolved", "mail", 11, 14), 15) == "resolved"


def test_a_cancelled_ticket_hears_of_a_group_no_more_until_something_new_begins() -> None:
    integration, _ = make_sender("Prometheus", source="alertmanager")
    became(integration, group("firing", "shop", 0), 1)
    ids = [Ticket.objects.get().pk]
    move_tickets(ids=ids, status=Status.CANCELLED, actor="ana", now=NOON + 10 * MINUTE)

    assert became(integration, group("firing", "shop", 0), 60) == "ignored"
    assert became(integration, group("firing", "mail", 61), 62) in ("reopened", "created")


def test_bodies_that_one_worker_takes_together_are_applied_in_the_order_they_came() -> None:
    integration, _ = make_sender()
    states = ("firing", "ok", "firing")
    ids = receive(integration, *[{**GENERIC, "status": state} for state in states])

    # The later trigger came at the same moment as the end, and is none that the end has overtaken.
    made = take(*reversed(ids))

    assert [one.results[0]["result"] for one in made][:2] == ["created", "resolved"]
    assert Ticket.objects.count() == 1


def test_an_alert_a_thousand_times_is_one_ticket_with_a_counter() -> None:
    integration, _ = make_sender()
    ids = receive(integration, *[GENERIC] * 1000)

    deliveries.take_deliveries(ids=ids, now=NOON)

    assert Ticket.objects.count() == 1
    assert Incident.objects.get().alerts == 1000
    assert Delivery.objects.filter(state=State.DONE).count() == 1000


def test_a_body_that_cannot_be_read_is_kept_with_the_reason_and_harms_no_other() -> None:
    integration, _ = make_sender()
    bad, good = take(*receive(integration, b"{broken", GENERIC))

    assert (bad.state, good.state) == (State.FAILED, State.DONE)
    assert bad.error.startswith("body: it is not JSON")
    assert (bytes(bad.body), bad.results) == (b"{broken", [])
    assert DeadLetter.objects.count() == 0  # whoever sends nonsense cannot fill that list


def test_a_body_whose_template_failed_is_read_again_after_it_was_mended() -> None:
    integration, _ = make_sender(title="{{ payload.nothing }}")
    [failed] = take(*receive(integration, GENERIC))
    assert failed.error.startswith("title: Line 1")

    change_integration(integration=integration, values={"title": ""})
    assert deliveries.retry_deliveries(ids=[failed.pk], actor="ada", now=NOON) == [failed.pk]
    [mended] = take(failed.pk)

    assert (mended.state, mended.error) == (State.DONE, "")
    assert results(mended) == [("created", Ticket.objects.get().pk)]


def test_what_is_no_alert_is_ignored_with_the_reason() -> None:
    integration, _ = make_sender("Sentry", source="sentry")
    [delivery] = take(*receive(integration, {**SENTRY_ISSUE, "action": "assigned"}))

    assert results(delivery) == [("ignored", None)]
    assert "assigned" in delivery.results[0]["detail"]


def test_the_alerts_of_one_body_each_have_their_result() -> None:
    integration, _ = make_sender()
    other = {**GENERIC, "dedup_key": "other"}
    [delivery] = take(*receive(integration, [GENERIC, other, {**GENERIC, "status": "ok"}]))

    assert [r["result"] for r in delivery.results] == ["created", "created", "resolved"]
    assert [r["key"] for r in delivery.results] == ["disk:web-1", "other", "disk:web-1"]


def test_a_delivery_in_other_hands_is_left_alone() -> None:
    integration, _ = make_sender()
    ids = receive(integration, GENERIC)
    leases.claim(Delivery, ids, lease=timedelta(minutes=1))

    assert deliveries.take_deliveries(ids=ids, now=NOON) == 0
    assert Ticket.objects.count() == 0


def test_a_worker_that_comes_back_late_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    integration, _ = make_sender()
    ids = receive(integration, GENERIC)
    read = deliveries.read

    def slowly(*given: Any, **named: Any) -> Any:
        Delivery.objects.update(lease_until=NOON - timedelta(days=365))
        monkeypatch.setattr(deliveries, "read", read)
        leases.claim(Delivery, ids, lease=timedelta(minutes=1))  # another worker
        return read(*given, **named)

    monkeypatch.setattr(deliveries, "read", slowly)

    assert deliveries.take_deliveries(ids=ids, now=NOON) == 0
    assert Ticket.objects.count() == 0


def test_a_body_that_spoils_its_transaction_fails_alone_and_ends_as_a_dead_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    integration, _ = make_sender()
    poison, *good = receive(
        integration, {**GENERIC, "dedup_key": "poison"}, GENERIC, {**GENERIC, "dedup_key": "b"}
    )
    apply = incidents.apply_alerts

    def fragile(*, alerts: Any, now: Any) -> Any:
        if any(alert.key == "poison" for alert in alerts):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return apply(alerts=alerts, now=now)

    monkeypatch.setattr(incidents, "apply_alerts", fragile)
    take(poison, *good)
    assert Ticket.objects.count() == 2
    for _ in range(2):
        take(poison)

    failed = Delivery.objects.get(pk=poison)
    assert (failed.state, failed.attempts) == (State.FAILED, 3)
    assert DeadLetter.objects.get().object_id == poison
    assert set(Delivery.objects.filter(pk__in=good).values_list("state", flat=True)) == {State.DONE}


def test_the_sweep_finds_what_no_message_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    integration, _ = make_sender()
    ids = receive(integration, GENERIC, GENERIC)
    assert deliveries.requeue_stale_deliveries() == 0

    Delivery.objects.update(nudge_at=NOON - timedelta(days=365))
    sent: list[int] = []
    monkeypatch.setattr("workers.services.enqueue", lambda task, ids: sent.extend(ids))

    assert deliveries.requeue_stale_deliveries() == 2
    assert sorted(sent) == ids


def test_many_deliveries_cost_no_more_statements_than_few() -> None:
    integration, _ = make_sender()

    def statements(first: int, count: int) -> int:
        payloads = [{**GENERIC, "dedup_key": f"k{n}"} for n in range(first, first + count)]
        ids = receive(integration, *payloads)
        return statements_of(lambda: deliveries.take_deliveries(ids=ids, now=NOON))

    statements(0, 1)
    assert statements(1000, 100) == statements(500, 2)


def test_old_bodies_go_read_ones_earlier(settings: Any) -> None:
    integration, _ = make_sender()
    for days in (1, 8, 31):
        take(*receive(integration, GENERIC, b"bad", at=NOON - timedelta(days=days)))
    receive(integration, GENERIC, at=NOON - timedelta(days=99))  # not yet taken: it stays

    assert deliveries.forget_old_deliveries(NOON) == 3
    assert Delivery.objects.filter(state=State.DONE).count() == 1
    assert Delivery.objects.filter(state=State.FAILED).count() == 2
    assert Delivery.objects.filter(state=State.PENDING).count() == 1


def test_health_names_who_sends_what_cannot_be_read() -> None:
    integration, _ = make_sender("Old monitoring")
    assert deliveries.intake_findings(NOON) == []

    take(*receive(integration, b"bad", b"worse"))

    [finding] = deliveries.intake_findings(NOON)
    assert "2 bodies of Old monitoring" in finding
    Delivery.objects.all()[0].delete()
    [finding] = deliveries.intake_findings(NOON)
    assert "1 body of Old monitoring" in finding


def test_bodies_are_kept_as_they_came() -> None:
    integration, _ = make_sender()
    body = bytes(range(256))
    first, second = receive(integration, body, json.dumps(GENERIC).encode())

    kept = Delivery.objects.get(pk=first)
    assert bytes(kept.body) == body
    assert (kept.request_id, kept.received_at, kept.state) == ("request-1", NOON, State.PENDING)
    assert second > first
