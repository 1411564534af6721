"""Removing a ticket while somebody works on it."""

import threading
import time

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from sla.models import ClockEvent, SlaClock
from tests.factories import NOON, make_ticket
from tickets.lifecycle import Status
from tickets.models import Ticket, TicketEvent, TicketSearch
from tickets.services import delete_tickets
from tickets.services.changing import moved
from tickets.services.recording import lock, record_changes
from triage.models import TriageDecision

pytestmark = pytest.mark.django_db(transaction=True)


def _wait_until_somebody_waits() -> None:
    end = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("The deletion did not wait for the lock.")


def _while_somebody_works_on(ticket: Ticket, delete: object) -> None:
    """Hold the ticket's lock, start `delete` in a thread, and only then move the ticket and commit."""
    deleter = threading.Thread(target=delete)  # type: ignore[arg-type]
    with transaction.atomic():
        [locked] = lock([ticket.pk])
        deleter.start()
        _wait_until_somebody_waits()
        now = timezone.now()
        move = moved(locked, Status(locked.status), Status.ON_HOLD, now)
        record_changes([move], actor="ada", now=now)
    deleter.join(30)


def test_a_ticket_that_somebody_is_changing_is_removed_with_what_they_write() -> None:
    ticket = make_ticket()
    left: list[int] = []

    def delete() -> None:
        left.append(delete_tickets(ids=[ticket.pk], actor="ana", now=NOON))
        connection.close()

    _while_somebody_works_on(ticket, delete)

    assert left == [1]
    for model in (Ticket, TicketEvent, TicketSearch, SlaClock, ClockEvent, TriageDecision):
        assert not model._default_manager.exists(), model


def test_the_admin_waits_for_who_works_on_the_ticket_too() -> None:
    User.objects.create_superuser("root", password="root")
    ticket = make_ticket()
    answers: list[int] = []

    def delete() -> None:
        client = Client()
        client.login(username="root", password="root")
        answer = client.post(f"/admin/tickets/ticket/{ticket.pk}/delete/", {"post": "yes"})
        answers.append(answer.status_code)
        connection.close()

    _while_somebody_works_on(ticket, delete)

    assert answers == [302]
    assert not Ticket.objects.exists()
    assert not ClockEvent.objects.exists()
