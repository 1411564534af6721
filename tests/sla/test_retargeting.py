"""Open tickets under other policies: what would move, and moving it."""

from datetime import timedelta

import pytest

from sla import promises
from sla.business_hours import BusinessHours
from sla.document import PolicyDocument
from sla.models import ClockState, SlaClock
from sla.promises import Policies, Promise
from sla.services.retargeting import move_open_clocks, preview_moves
from tests.factories import NOON, make_ticket
from tests.sla.policies import publish_policy
from tickets.lifecycle import Status
from tickets.models import Ticket
from tickets.services import move_tickets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]
HOUR = timedelta(hours=1)


def would_be(**targets: object) -> Policies:
    document = PolicyDocument.model_validate({"tiers": {"standard": {"P3": targets}}})
    return Policies([Promise(0, "New", document, BusinessHours(document.calendar))])


def test_a_preview_names_every_deadline_that_would_move_and_writes_nothing() -> None:
    ticket = make_ticket(priority=3)
    make_ticket(priority=3, status="resolved")

    moves = list(preview_moves(policies=would_be(first_response="1h", resolution="2h")))

    assert moves == [(ticket.pk, "resolution", NOON + 24 * HOUR, NOON + 2 * HOUR)]
    assert SlaClock.objects.get(metric="resolution").due_at == NOON + 24 * HOUR


def test_a_promise_that_would_end_leaves_no_deadline() -> None:
    ticket = make_ticket(priority=3)

    moves = list(preview_moves(policies=would_be(resolution="24h")))

    assert moves == [(ticket.pk, "first_response", NOON + HOUR, None)]


def test_a_promise_that_would_begin_has_a_deadline_from_the_opening_on() -> None:
    publish_policy(tiers={"standard": {"P3": {"resolution": "24h"}}})
    ticket = make_ticket(priority=3)

    moves = list(preview_moves(policies=would_be(first_response="3h", resolution="24h")))

    assert moves == [(ticket.pk, "first_response", None, NOON + 3 * HOUR)]


def test_moving_measures_all_open_tickets_anew_and_keeps_their_pauses() -> None:
    ticket, held = make_ticket(priority=3), make_ticket(priority=3)
    move_tickets(ids=[held.pk], status=Status.ON_HOLD, actor="ana", now=NOON + HOUR / 2)
    publish_policy(tiers={"standard": {"P3": {"first_response": "2h", "resolution": "4h"}}})

    moved = move_open_clocks(policies=promises.current(), actor="ada", now=NOON + HOUR)

    assert moved == 1
    assert Ticket.objects.get(pk=ticket.pk).due_at == NOON + 2 * HOUR
    paused = SlaClock.objects.get(ticket=held, metric="first_response")
    assert (paused.state, paused.target) == (ClockState.PAUSED, 2 * HOUR)
    move_tickets(ids=[held.pk], status=Status.OPEN, actor="ana", now=NOON + 10 * HOUR)
    assert Ticket.objects.get(pk=held.pk).due_at == NOON + 11.5 * HOUR


def test_moving_again_moves_nothing() -> None:
    make_ticket(priority=3)

    assert move_open_clocks(policies=promises.current(), actor="ada", now=NOON) == 0


def test_what_is_kept_equals_what_the_ledger_says() -> None:
    """Columns are kept step by step; the ledger tells everything. They agree after a busy life."""
    from sla.deadline import counted, reaches
    from sla.reading import entries

    ticket = make_ticket(priority=4)
    at = NOON
    for minutes, status in (
        (7, "on_hold"),
        (50, "open"),
        (3, "in_progress"),
        (90, "on_hold"),
        (5, "open"),
    ):
        at += timedelta(minutes=minutes)
        move_tickets(ids=[ticket.pk], status=Status(status), actor="ana", now=at)

    clock = SlaClock.objects.get(metric="resolution")
    ledger = entries(clock, list(clock.events.order_by("pk")))
    hours = promises.promise_of(clock.version_id).hours
    assert clock.due_at == reaches(ledger, hours, clock.target)
    assert clock.running_since is not None
    assert clock.counted == counted(ledger, hours, clock.running_since)
