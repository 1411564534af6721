"""Clocks follow their tickets, in the same transaction. Pains 2, 3, 4 and 11 of other systems."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from sla.models import ClockEvent, ClockState, SlaClock, SlaPolicyVersion
from sla.reading import clock_readings
from tests.factories import NOON, make_ticket
from tests.sla.policies import OFFICE, publish_policy
from tickets.lifecycle import Status
from tickets.models import Ticket
from tickets.services import change_tickets, comment_on, move_tickets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("policy")]

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def clock(ticket: Ticket, metric: str, cycle: int = 1) -> SlaClock:
    return SlaClock.objects.get(ticket=ticket, metric=metric, cycle=cycle)


def move(ticket: Ticket, status: Status, at: datetime) -> Ticket:
    [moved] = move_tickets(ids=[ticket.pk], status=status, actor="ana", now=at)
    return moved


def change(ticket: Ticket, at: datetime = NOON, **values: Any) -> Ticket:
    [changed] = change_tickets(ids=[ticket.pk], values=values, actor="ana", now=at)
    return changed


def say(ticket: Ticket, at: datetime, **kwargs: Any) -> None:
    comment_on(ticket=ticket, body="Hello", **{"public": True, **kwargs}, actor="ana", now=at)


# --- start


def test_a_ticket_starts_with_a_clock_for_the_answer_and_one_for_the_resolution() -> None:
    ticket = make_ticket(priority=3)

    assert clock(ticket, "first_response").due_at == NOON + HOUR
    assert clock(ticket, "resolution").due_at == NOON + 24 * HOUR
    assert not SlaClock.objects.filter(metric="next_update").exists()


def test_the_ticket_itself_knows_its_first_deadline_and_warning() -> None:
    ticket = Ticket.objects.get(pk=make_ticket(priority=3).pk)

    assert ticket.due_at == NOON + HOUR
    assert ticket.warn_at == NOON + 51 * MINUTE


def test_a_ticket_of_a_policy_without_warnings_is_ok_until_its_deadline() -> None:
    publish_policy(levels=[])

    ticket = Ticket.objects.get(pk=make_ticket(priority=3).pk)

    assert ticket.warn_at == ticket.due_at
    assert list(Ticket.objects.in_sla_states(["ok"], NOON)) == [ticket]


def test_a_warning_of_the_resolution_is_no_warning_of_an_answer_that_is_due_before() -> None:
    publish_policy(levels=[{"name": "Soon", "at": "50%", "metrics": ["resolution"]}])

    ticket = Ticket.objects.get(pk=make_ticket(priority=3).pk)

    assert ticket.warn_at == ticket.due_at == NOON + HOUR


def test_a_clock_counts_from_when_the_ticket_was_opened_elsewhere() -> None:
    ticket = make_ticket(priority=1, opened_at=NOON - timedelta(days=3))

    assert clock(ticket, "resolution").due_at == NOON - timedelta(days=3) + 4 * HOUR


def test_a_ticket_without_a_priority_is_measured_as_a_medium_one_until_triage_ranks_it() -> None:
    ticket = make_ticket()
    assert clock(ticket, "first_response").target == HOUR

    change(ticket, priority=1)

    assert clock(ticket, "first_response").target == 15 * MINUTE
    assert Ticket.objects.get(pk=ticket.pk).due_at == NOON + 15 * MINUTE


def test_a_ticket_that_arrives_resolved_has_no_clocks() -> None:
    ticket = make_ticket(status="resolved")

    assert not SlaClock.objects.filter(ticket=ticket).exists()
    assert Ticket.objects.get(pk=ticket.pk).due_at is None


def test_a_ticket_that_arrives_in_progress_was_answered_already() -> None:
    ticket = make_ticket(status="in_progress")

    assert list(SlaClock.objects.values_list("metric", flat=True)) == ["resolution"]
    assert Ticket.objects.get(pk=ticket.pk).due_at == NOON + 24 * HOUR


def test_a_ticket_that_arrives_on_hold_starts_paused() -> None:
    ticket = make_ticket(status="on_hold")

    assert {c.state for c in SlaClock.objects.all()} == {ClockState.PAUSED}
    assert Ticket.objects.get(pk=ticket.pk).due_at is None


# --- the answer


def test_taking_a_ticket_up_meets_its_first_response() -> None:
    ticket = make_ticket(priority=3)

    move(ticket, Status.IN_PROGRESS, NOON + 59 * MINUTE)

    met = clock(ticket, "first_response")
    assert (met.state, met.counted) == (ClockState.MET, 59 * MINUTE)
    assert Ticket.objects.get(pk=ticket.pk).due_at == NOON + 24 * HOUR


def test_pain_3_a_public_answer_ends_the_wait_and_starts_the_next_one() -> None:
    ticket = make_ticket(priority=3)

    say(ticket, NOON + 10 * MINUTE)

    assert clock(ticket, "first_response").state == ClockState.MET
    assert clock(ticket, "next_update").due_at == NOON + 10 * MINUTE + 4 * HOUR


def test_pain_3_each_answer_starts_the_wait_anew_and_keeps_the_old_one() -> None:
    ticket = make_ticket(priority=3)
    say(ticket, NOON + 10 * MINUTE)

    say(ticket, NOON + 5 * HOUR)

    assert clock(ticket, "next_update", 1).state == ClockState.BREACHED
    assert clock(ticket, "next_update", 2).due_at == NOON + 9 * HOUR


@pytest.mark.parametrize("quiet", [{"public": False}, {"from_requester": True}])
def test_an_internal_note_or_the_requesters_word_is_no_answer(quiet: dict[str, bool]) -> None:
    ticket = make_ticket(priority=3)

    say(ticket, NOON + 10 * MINUTE, **quiet)

    assert clock(ticket, "first_response").state == ClockState.RUNNING
    assert not SlaClock.objects.filter(metric="next_update").exists()


def test_a_late_answer_breaches_even_when_no_check_ran_in_between() -> None:
    ticket = make_ticket(priority=3)

    say(ticket, NOON + 61 * MINUTE)

    late = clock(ticket, "first_response")
    assert (late.state, late.breached_at) == (ClockState.BREACHED, NOON + HOUR)
    assert Ticket.objects.get(pk=ticket.pk).sla_breached


# --- pause and resume


def test_pain_2_time_on_hold_does_not_count() -> None:
    ticket = make_ticket(priority=3)

    move(ticket, Status.ON_HOLD, NOON + 20 * MINUTE)
    assert clock(ticket, "first_response").due_at is None
    assert Ticket.objects.get(pk=ticket.pk).due_at is None

    move(ticket, Status.OPEN, NOON + 5 * HOUR)
    assert clock(ticket, "first_response").due_at == NOON + 5 * HOUR + 40 * MINUTE


def test_pain_2_pauses_survive_a_change_of_priority() -> None:
    ticket = make_ticket(priority=3)
    move(ticket, Status.ON_HOLD, NOON + 10 * MINUTE)
    move(ticket, Status.OPEN, NOON + 70 * MINUTE)

    change(ticket, NOON + 80 * MINUTE, priority=1)

    # Ten minutes were counted before the pause, so five of fifteen are left after it.
    assert clock(ticket, "first_response").due_at == NOON + 75 * MINUTE
    assert clock(ticket, "resolution").due_at == NOON + HOUR + 4 * HOUR


def test_pain_2_a_change_of_priority_while_on_hold_keeps_the_pause() -> None:
    ticket = make_ticket(priority=3)
    move(ticket, Status.ON_HOLD, NOON + 10 * MINUTE)

    change(ticket, NOON + 80 * MINUTE, priority=2)
    assert clock(ticket, "first_response").state == ClockState.PAUSED

    move(ticket, Status.OPEN, NOON + 100 * MINUTE)
    assert clock(ticket, "first_response").due_at == NOON + 120 * MINUTE


@pytest.mark.parametrize(
    "minutes",
    [
        [("on_hold", 10), ("open", 9)],
        [("on_hold", 5), ("open", 20), ("on_hold", 19), ("open", 21)],
    ],
)
def test_a_move_that_waited_for_another_ones_lock_counts_from_that_one_on(
    minutes: list[tuple[str, int]],
) -> None:
    """Its time was read before it got the lock."""
    ticket = make_ticket(priority=3)
    for status, minute in minutes:
        move(ticket, Status(status), NOON + minute * MINUTE)
    kept = clock(ticket, "first_response").due_at

    change(ticket, NOON + 40 * MINUTE, priority=1)  # computed from the ledger

    assert kept is not None
    assert clock(ticket, "first_response").due_at == kept - 45 * MINUTE


def test_a_pause_does_not_hide_a_breach() -> None:
    ticket = make_ticket(priority=3)

    move(ticket, Status.ON_HOLD, NOON + 2 * HOUR)

    assert clock(ticket, "first_response").breached_at == NOON + HOUR
    assert Ticket.objects.get(pk=ticket.pk).sla_breached


def test_a_breached_clock_that_goes_on_keeps_its_deadline() -> None:
    ticket = make_ticket(priority=3)
    move(ticket, Status.ON_HOLD, NOON + 2 * HOUR)

    move(ticket, Status.OPEN, NOON + 3 * HOUR)

    assert clock(ticket, "first_response").due_at == NOON + HOUR


def test_the_requesters_answer_ends_a_hold() -> None:
    ticket = make_ticket(priority=3)
    move(ticket, Status.ON_HOLD, NOON + 10 * MINUTE)

    say(ticket, NOON + 30 * MINUTE, from_requester=True)

    assert Ticket.objects.get(pk=ticket.pk).status == Status.OPEN
    assert clock(ticket, "first_response").due_at == NOON + 80 * MINUTE


# --- other targets


def test_a_higher_priority_is_counted_from_the_beginning() -> None:
    ticket = make_ticket(priority=4)

    change(ticket, NOON + 30 * MINUTE, priority=2)

    assert clock(ticket, "resolution").due_at == NOON + 8 * HOUR
    [entry] = ClockEvent.objects.filter(clock=clock(ticket, "resolution"))
    assert entry.kind == "retarget"
    assert entry.details["from"] == "48h"
    assert entry.details["to"] == "8h"
    assert entry.details["why"] == "priority P4 → P2"


def test_a_first_ranking_gives_the_first_real_target_and_no_line_in_the_ledger() -> None:
    ticket = make_ticket()

    change(ticket, NOON + MINUTE, priority=2)

    assert clock(ticket, "resolution").due_at == NOON + 8 * HOUR
    assert not ClockEvent.objects.exists()


def test_a_first_ranking_after_somebody_was_told_is_a_line_in_the_ledger() -> None:
    ticket = make_ticket()
    SlaClock.objects.filter(ticket=ticket, metric="resolution").update(level=1)

    change(ticket, NOON + MINUTE, priority=2)

    [entry] = ClockEvent.objects.all()
    assert (entry.kind, entry.clock.metric) == ("retarget", "resolution")
    assert entry.details["why"] == "priority not set → P2"


def test_a_change_of_tier_or_department_asks_for_other_targets() -> None:
    publish_policy("Gold", position=0, tiers={"gold": {"P3": {"resolution": 60}}})
    publish_policy(
        "HR", position=0, departments=["HR"], tiers={"standard": {"P3": {"resolution": 30}}}
    )
    gold, hr = make_ticket(priority=3), make_ticket(priority=3)

    change(gold, customer_tier="gold")
    change(hr, department="HR")

    assert clock(gold, "resolution").target == HOUR
    assert clock(gold, "first_response").state == ClockState.CANCELLED  # no such promise any more
    assert clock(hr, "resolution").target == 30 * MINUTE


def test_a_promise_that_comes_back_is_measured_from_the_beginning_with_all_pauses() -> None:
    publish_policy(
        tiers={"standard": {"P1": {"resolution": 60}, "P3": {"first_response": 600}}},
        levels=[{"at": 50}, {"at": 100}],
    )
    ticket = make_ticket(priority=1)
    move(ticket, Status.ON_HOLD, NOON + 10 * MINUTE)
    move(ticket, Status.OPEN, NOON + 20 * MINUTE)
    SlaClock.objects.update(level=1)

    change(ticket, NOON + 25 * MINUTE, priority=3)
    assert clock(ticket, "resolution").state == ClockState.CANCELLED
    move(ticket, Status.ON_HOLD, NOON + 30 * MINUTE)
    move(ticket, Status.OPEN, NOON + 50 * MINUTE)
    change(ticket, NOON + HOUR, priority=1)

    again = clock(ticket, "resolution", 2)
    assert (again.started_at, again.due_at) == (NOON, NOON + 90 * MINUTE)
    assert again.level == 1  # who was warned is not warned again
    assert Ticket.objects.get(pk=ticket.pk).due_at == again.due_at
    move(ticket, Status.RESOLVED, NOON + 80 * MINUTE)
    assert clock(ticket, "resolution", 2).counted == 50 * MINUTE
    [reading] = [r for r in clock_readings(ticket, NOON) if r.clock.cycle == 2]
    assert reading.elapsed == 50 * MINUTE


def test_a_promise_that_comes_back_while_on_hold_is_on_hold() -> None:
    publish_policy(tiers={"standard": {"P1": {"resolution": 60}, "P3": {"first_response": 600}}})
    ticket = make_ticket(priority=1)
    change(ticket, NOON + 10 * MINUTE, priority=3)
    move(ticket, Status.ON_HOLD, NOON + 20 * MINUTE)

    change(ticket, NOON + 30 * MINUTE, priority=1)
    assert clock(ticket, "resolution", 2).counted == 20 * MINUTE

    move(ticket, Status.OPEN, NOON + 50 * MINUTE)
    assert clock(ticket, "resolution", 2).due_at == NOON + 90 * MINUTE


def test_a_promise_that_comes_later_is_measured_with_the_pauses_that_others_had() -> None:
    publish_policy(
        tiers={"standard": {"P1": {"resolution": 60}, "P3": {"first_response": 600}}},
    )
    ticket = make_ticket(priority=3)
    move(ticket, Status.ON_HOLD, NOON + 10 * MINUTE)
    move(ticket, Status.OPEN, NOON + 30 * MINUTE)

    change(ticket, NOON + 40 * MINUTE, priority=1)

    assert clock(ticket, "resolution").due_at == NOON + 80 * MINUTE


def test_what_was_cancelled_with_its_ticket_does_not_come_back() -> None:
    ticket = make_ticket(priority=3)
    move(ticket, Status.CANCELLED, NOON + 10 * MINUTE)
    move(ticket, Status.OPEN, NOON + 20 * MINUTE)

    change(ticket, NOON + 30 * MINUTE, priority=1)

    live = SlaClock.objects.filter(ticket=ticket, state=ClockState.RUNNING)
    assert list(live.values_list("metric", "cycle")) == [("resolution", 2)]


def test_another_calendar_recounts_what_was_counted() -> None:
    """Noon UTC is 13:00 in Berlin: four office hours are left on that day."""
    publish_policy(
        "HR",
        position=0,
        departments=["HR"],
        calendar=OFFICE,
        tiers={"standard": {"P3": {"first_response": 300, "resolution": 600}}},
    )
    ticket = make_ticket(priority=3)
    move(ticket, Status.ON_HOLD, NOON + 10 * MINUTE)
    move(ticket, Status.OPEN, NOON + 70 * MINUTE)

    change(ticket, NOON + 2 * HOUR, department="HR")

    # 5 h of office time, an hour of it on hold: 13:00-17:00 gives 3 h, the next day from 9:00 two more.
    next_day = NOON.replace(hour=8) + timedelta(days=1)
    assert clock(ticket, "first_response").due_at == next_day + 2 * HOUR


def test_a_running_clock_keeps_its_version_of_the_policy(policy: SlaPolicyVersion) -> None:
    ticket = make_ticket(priority=3)
    newer = publish_policy(tiers={"standard": {"P3": {"resolution": 5}}})

    say(ticket, NOON + MINUTE)

    assert clock(ticket, "resolution").version_id == policy.pk
    assert SlaClock.objects.get(ticket=make_ticket(priority=3)).version_id == newer.pk


def test_a_lower_priority_takes_a_breach_back() -> None:
    ticket = make_ticket(priority=1)
    move(ticket, Status.ON_HOLD, NOON + 20 * MINUTE)
    move(ticket, Status.OPEN, NOON + 30 * MINUTE)
    assert Ticket.objects.get(pk=ticket.pk).sla_breached

    change(ticket, NOON + 31 * MINUTE, priority=4)

    assert clock(ticket, "first_response").due_at == NOON + 130 * MINUTE
    assert not Ticket.objects.get(pk=ticket.pk).sla_breached


# --- the end, and again


@pytest.mark.parametrize(
    ("status", "state"),
    [(Status.RESOLVED, ClockState.MET), (Status.CANCELLED, ClockState.CANCELLED)],
)
def test_the_end_of_a_ticket_ends_its_clocks(status: Status, state: str) -> None:
    ticket = make_ticket(priority=3)

    move(ticket, status, NOON + 30 * MINUTE)

    assert {c.state for c in SlaClock.objects.all()} == {state}
    kept = Ticket.objects.get(pk=ticket.pk)
    assert (kept.due_at, kept.warn_at, kept.sla_breached) == (None, None, False)


def test_a_late_resolution_is_a_breach_and_stays_on_the_ticket() -> None:
    ticket = make_ticket(priority=1)

    move(ticket, Status.RESOLVED, NOON + 5 * HOUR)

    assert clock(ticket, "resolution").state == ClockState.BREACHED
    assert Ticket.objects.get(pk=ticket.pk).sla_breached


def test_reopening_starts_a_new_cycle_and_keeps_the_old_one() -> None:
    ticket = make_ticket(priority=1)
    move(ticket, Status.RESOLVED, NOON + 5 * HOUR)

    move(ticket, Status.OPEN, NOON + 10 * HOUR)

    assert clock(ticket, "resolution", 1).state == ClockState.BREACHED
    assert clock(ticket, "resolution", 2).due_at == NOON + 14 * HOUR
    kept = Ticket.objects.get(pk=ticket.pk)
    assert (kept.due_at, kept.sla_breached) == (NOON + 14 * HOUR, False)


def test_ending_a_paused_ticket_ends_its_clocks() -> None:
    ticket = make_ticket(priority=1)
    move(ticket, Status.ON_HOLD, NOON + MINUTE)

    move(ticket, Status.RESOLVED, NOON + 50 * HOUR)

    assert clock(ticket, "resolution").state == ClockState.MET
    assert clock(ticket, "resolution").counted == MINUTE


def test_a_ledger_is_never_rewritten() -> None:
    from django.db import DatabaseError, transaction

    ticket = make_ticket(priority=3)
    move(ticket, Status.ON_HOLD, NOON)

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        ClockEvent.objects.update(at=timezone.now())


def test_triage_retargets_the_clocks_of_its_chunk(triage_all: Any) -> None:
    ticket = make_ticket(
        title="Production database is down",
        description="Outage: nobody can work, all 500 users are affected, data loss is possible.",
    )

    triage_all()

    ranked = Ticket.objects.get(pk=ticket.pk)
    assert ranked.priority in (1, 2)
    assert clock(ticket, "first_response").target == {1: 15, 2: 30}[ranked.priority] * MINUTE
    assert ranked.due_at == clock(ticket, "first_response").due_at
