"""However many workers read alerts at once, and whatever people do meanwhile: one problem, one ticket."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction

from servers.alerts import Action
from servers.lifecycle import State
from servers.models import Incident, Server
from servers.services import apply_alerts, follow_events, settle_incidents
from servers.services.removing import delete_servers
from tests.conftest import client_for
from tests.factories import NOON, make_user
from tests.racing import at_once
from tests.servers.alerts import alert, later, make_integration
from tests.servers.happenings import happen, make_server
from tickets.lifecycle import Status
from tickets.models import Ticket
from tickets.services import move_tickets

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_alerts_of_one_problem_at_the_same_instant_are_one_ticket() -> None:
    sender = make_integration()
    results: Counter[str] = Counter()

    def tell() -> None:
        [outcome] = apply_alerts(alerts=[alert(sender)], now=NOON)
        results[outcome.result] += 1

    at_once(*[tell] * 8)

    assert results == {"created": 1, "appended": 7}
    assert Ticket.objects.count() == 1
    assert Incident.objects.get().alerts == 8


def test_chunks_that_cross_each_other_make_one_ticket_a_problem_and_no_deadlock() -> None:
    senders = [make_integration(name) for name in "abc"]
    keys = [(sender, f"key {number}") for sender in senders for number in range(20)]

    def tell(step: int) -> None:
        for action in (Action.TRIGGER, Action.RESOLVE, Action.TRIGGER):
            moment = later(minutes=step)
            order = keys if step % 2 else keys[::-1]
            chunk = [alert(sender, action, key=key, at=moment) for sender, key in order]
            apply_alerts(alerts=chunk, now=later(minutes=10))

    at_once(*[lambda step=step: tell(step) for step in range(6)])  # type: ignore[misc]

    assert Incident.objects.count() == Ticket.objects.count() == len(keys)
    # The last of all messages, at each key, says that it is over.
    assert set(Incident.objects.values_list("state", flat=True)) == {"resolved"}
    assert set(Ticket.objects.values_list("status", flat=True)) == {"resolved"}


def test_people_and_time_may_end_tickets_while_alerts_come() -> None:
    sender = make_integration(recovery_grace=timedelta(minutes=1))
    keys = [f"key {number}" for number in range(30)]
    apply_alerts(alerts=[alert(sender, key=key) for key in keys], now=NOON)
    ids = list(Ticket.objects.values_list("pk", flat=True))

    def tell() -> None:
        for minute in range(1, 9):
            action = Action.TRIGGER if minute % 2 else Action.RESOLVE
            moment = later(minutes=minute)
            apply_alerts(alerts=[alert(sender, action, key=k, at=moment) for k in keys], now=moment)

    def end() -> None:
        for minute in range(1, 9):
            move_tickets(
                ids=ids[::-1], status=Status.RESOLVED, actor="ana", now=later(minutes=minute)
            )

    def settle() -> None:
        for minute in range(1, 9):
            settle_incidents(now=later(minutes=minute))

    at_once(tell, end, settle)

    settle_incidents(now=later(hours=1))
    assert Ticket.objects.count() == Incident.objects.count() == 30
    assert not Incident.objects.active().exists()
    assert set(Ticket.objects.values_list("status", flat=True)) == {"resolved"}


def test_many_followers_take_each_event_once() -> None:
    servers = [make_server(f"web-{number}") for number in range(40)]
    for server in servers:
        happen(server, State.FAILED)

    at_once(*[lambda: follow_events(now=NOON)] * 4)
    follow_events(now=NOON)  # what came while others left

    assert Ticket.objects.count() == 40
    assert set(Incident.objects.values_list("alerts", flat=True)) == {1}


def test_servers_may_be_removed_while_their_failures_are_followed() -> None:
    servers = [make_server(f"web-{number}") for number in range(40)]
    for server in servers:
        happen(server, State.FAILED)
    halves = [server.pk for server in servers[::2]], [server.pk for server in servers[1::2]]

    at_once(
        *[lambda: follow_events(now=NOON)] * 2,
        *[lambda ids=ids: delete_servers(ids=ids, actor="ana", now=NOON) for ids in halves],  # type: ignore[misc]
        lambda: settle_incidents(now=NOON),
    )

    follow_events(now=NOON)
    assert not Server.objects.exists()
    assert not Incident.objects.active().exists()
    assert not Incident.objects.filter(server__isnull=False).exists()
    assert not Ticket.objects.exclude(status="resolved").exists()


def test_of_two_who_make_an_integration_of_one_name_at_once_one_is_told_so() -> None:
    ada = client_for(make_user("ada", "Admin"))
    begun, blocked = threading.Event(), threading.Event()
    answers: list[int] = []

    def first() -> None:
        with transaction.atomic():
            make_integration("Prometheus")
            begun.set()
            assert blocked.wait(30)

    def second() -> None:
        assert begun.wait(30)
        body = {"name": "Prometheus", "source": "generic"}
        answers.append(ada.post("/api/v1/integrations/", body, format="json").status_code)

    def watch() -> None:
        with connection.cursor() as cursor:
            while not blocked.is_set():
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    blocked.set()

    at_once(first, second, watch)

    assert answers == [409]
