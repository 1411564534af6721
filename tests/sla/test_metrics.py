"""What is counted of promises: each once, as it ended."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from sla import metrics
from sla.models import DeliveryAttempt
from sla.services import check_clocks
from tests.counting import counted
from tests.factories import make_escalation, make_ticket
from tests.sla.alerts import make_channel, tell
from tests.sla.policies import publish_policy
from tickets.lifecycle import Status
from tickets.models import Ticket
from tickets.services import change_tickets, move_tickets
from workers.tallies import SUM

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _promises(db: None) -> None:
    publish_policy(tiers={"standard": {"P3": {"resolution": 60}, "P4": {"resolution": 6000}}})


def opened(ago: timedelta) -> Ticket:
    now = timezone.now()
    return make_ticket(priority=3, at=now, opened_at=now - ago)


def end(ticket: Ticket) -> None:
    move_tickets(ids=[ticket.pk], status=Status.RESOLVED, actor="maja", now=timezone.now())


def ended() -> dict[tuple[str, ...], float]:
    found: Counter[Any] = Counter()
    with connection.cursor() as cursor:
        for amounts in metrics.ended(cursor, 0, 2**60):
            found.update({labels: count for (_, labels), count in amounts.items()})
    return dict(found)


def test_a_promise_that_was_kept_is_counted_at_its_end() -> None:
    ticket = opened(30 * MINUTE)
    assert ended() == {}

    end(ticket)

    assert ended() == {("resolution", "met"): 1}


def test_a_breach_that_a_check_found_is_counted_once() -> None:
    ticket = opened(90 * MINUTE)
    check_clocks()
    assert ended() == {("resolution", "breached"): 1}

    end(ticket)

    assert ended() == {("resolution", "breached"): 1}


def test_a_breach_that_no_check_found_is_counted_too() -> None:
    end(opened(90 * MINUTE))

    assert ended() == {("resolution", "breached"): 1}


def test_a_breach_that_a_lower_priority_took_back_is_not_counted_as_kept_too() -> None:
    ticket = opened(90 * MINUTE)
    check_clocks()
    change_tickets(ids=[ticket.pk], values={"priority": 4}, actor="maja", now=timezone.now())

    end(ticket)

    assert ended() == {("resolution", "breached"): 1}


def test_levels_are_counted_once_reached_and_their_lateness_measured() -> None:
    for level, late, breach, skipped in (
        (1, 0.5, False, False),
        (2, 9.0, True, False),
        (3, 90.0, True, True),  # of a ticket that was attached: found, and nobody told
    ):
        make_escalation(
            level=level, lateness=timedelta(seconds=late), breach=breach, skipped=skipped
        )

    assert counted(metrics.reached, metrics.ESCALATIONS) == {("warning",): 1, ("breach",): 1}
    assert counted(metrics.reached, metrics.LATENESS) == {
        ("1.0",): 1,
        ("10.0",): 1,
        ("120.0",): 1,
        (SUM,): 99.5,
    }


def test_attempts_are_counted_by_kind_and_the_successful_ones_measured() -> None:
    webhook, mail = make_channel("ops"), make_channel("people", "email")
    for channel, error, seconds in (
        (webhook, "It answered 500.", 1),
        (webhook, "", 3),
        (mail, "", 0.05),
    ):
        [message] = tell(channel)
        DeliveryAttempt.objects.create(
            notification=message,
            error=error,
            milliseconds=1,
            at=message.created_at + timedelta(seconds=seconds),
        )

    assert counted(metrics.delivered, metrics.ATTEMPTS) == {
        ("webhook", "failed"): 1,
        ("webhook", "sent"): 1,
        ("email", "sent"): 1,
    }
    assert counted(metrics.delivered, metrics.LATENCY) == {
        ("webhook", "5.0"): 1,
        ("webhook", SUM): 3,
        ("email", "0.1"): 1,
        ("email", SUM): 0.05,
    }
