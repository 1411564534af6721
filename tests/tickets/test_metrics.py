"""What is told of tickets that wait."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from tests.factories import NOON, make_ticket
from tickets import metrics
from tickets.models import Ticket

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
