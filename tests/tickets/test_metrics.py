"""What is told of tickets that wait."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.counting import counted
from tests.factories import NOON, make_ticket, make_user
from tickets import metrics
from tickets.lifecycle import Status
from tickets.models import Ticket, TicketEvent
from tickets.services import change_tickets, move_tickets

pytestmark = pytest.mark.django_db


def oldest() -> float:
    [found] = [
        sample.value
        for family in metrics.untriaged()
        for sample in family.samples
        if sample.name == "smartops_tickets_oldest_untriaged_age_seconds"
    ]
    return found


def test_an_import_of_old_tickets_does_not_hide_the_one_that_waits() -> None:
    waiting = make_ticket(opened_at=NOON)
    Ticket.objects.filter(pk=waiting.pk).update(created_at=Now() - timedelta(hours=3))
    make_ticket(opened_at=NOON - timedelta(days=365))

    assert oldest() >= 3 * 3600


def test_tickets_that_were_opened_and_each_of_their_moves_are_counted() -> None:
    first, second = make_ticket(), make_ticket(assignee=make_user("bob", "Agent").username)
    for status in (Status.IN_PROGRESS, Status.RESOLVED, Status.OPEN):
        move_tickets(ids=[first.pk], status=status, actor="bob", now=NOON)
    move_tickets(ids=[second.pk], status=Status.CANCELLED, actor="bob", now=NOON)
    change_tickets(ids=[first.pk], values={"priority": 1}, actor="bob", now=NOON)

    assert counted(metrics.happened, metrics.OPENED) == {(): 2}
    assert counted(metrics.happened, metrics.MOVED) == {
        ("in_progress",): 1,
        ("resolved",): 1,
        ("open",): 1,
        ("cancelled",): 1,
    }


def test_what_came_before_is_not_counted_again() -> None:
    make_ticket()
    seen = TicketEvent.objects.latest("pk").pk
    make_ticket()

    assert counted(metrics.happened, metrics.OPENED, after=seen) == {(): 1}
