"""Open tickets under other policies: what would move, and moving it."""

import random
from datetime import timedelta
from typing import Any

import pytest

from sla import promises
from sla.business_hours import BusinessHours
from sla.deadline import counted, reaches
from sla.document import PolicyDocument
from sla.models import ClockState, SlaClock
from sla.promises import Policies, Promise
from sla.reading import entries
from sla.services.retargeting import move_open_clocks, preview_moves
from tests.factories import NOON, make_ticket
from tests.sla.policies import OFFICE, publish_policy
from tickets.lifecycle import MOVES, Status
from tickets.models import Ticket
from tickets.services import change_tickets, comment_on, move_tickets

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


@pytest.mark.parametrize("seed", range(20))
def test_what_is_kept_equals_what_the_ledger_says(seed: int) -> None:
    """Columns are kept step by step; the ledger tells everything. They agree all through a busy life."""
    chance = random.Random(seed)
    everything = {"first_response": 600, "resolution": 900}
    publish_policy(
        tiers={"standard": {"P1": {"resolution": 300}, "P2": {"next_update": 60, **everything}}}
    )
    publish_policy(
        "HR",
        position=0,
        departments=["HR"],
        calendar=OFFICE,
        tiers={"standard": {"P3": everything}},
    )
    ticket, at = make_ticket(priority=1), NOON
    for _ in range(12):
        at += timedelta(
            minutes=chance.choice([-1, 0, 3, 45, 200, 1000])
        )  # -1: it waited for a lock
        who: dict[str, Any] = {"actor": "ana", "now": at}
        what, status = chance.choice(["move", "change", "answer"]), Status(ticket.status)
        if what == "move":
            to = [new for new in MOVES[status] if new is not Status.CANCELLED]
            move_tickets(ids=[ticket.pk], status=chance.choice(to), **who)
        elif what == "change":
            value = {
                "priority": chance.choice([1, 2, 3]),
                "department": chance.choice(["HR", None]),
            }
            change_tickets(ids=[ticket.pk], values=value, **who)
        else:
            requester = chance.random() < 0.4
            comment_on(ticket=ticket, body="Hello", public=True, from_requester=requester, **who)
        ticket = Ticket.objects.get(pk=ticket.pk)
        for clock in SlaClock.objects.filter(ticket=ticket):
            assert_agrees(clock)
        running = SlaClock.objects.filter(ticket=ticket, state=ClockState.RUNNING)
        assert ticket.due_at == min((c.due_at for c in running if c.due_at), default=None)


def assert_agrees(clock: SlaClock) -> None:
    ledger = entries(clock, list(clock.events.order_by("pk")))
    hours = promises.promise_of(clock.version_id).hours
    until = clock.running_since or max(ledger).at
    assert clock.counted == counted(ledger, hours, until)
    if clock.state == ClockState.RUNNING:
        assert clock.due_at == (clock.breached_at or reaches(ledger, hours, clock.target))
