"""What is due is found, acted on once per level, and told. Pains 5, 6, 7 and 8 of other systems."""

import time
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from django.utils import timezone

from sla.models import ClockEvent, Escalation, SlaClock
from sla.services import acknowledge, check_clocks
from sla.services.acknowledging import NothingToAcknowledge
from tests.factories import make_ticket
from tests.sla.policies import publish_policy
from tickets.lifecycle import Status
from tickets.models import SupportGroup, Ticket, TicketEvent
from tickets.services import change_tickets, move_tickets

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ONLY_RESOLUTION = {"standard": {"P3": {"resolution": 60}}}
LEVELS = [{"at": 50, "name": "half"}, {"at": 85}, {"at": 100}, {"after": "30m"}]


def opened(ago: timedelta, **fields: Any) -> Ticket:
    return make_ticket(
        **{"priority": 3, "at": timezone.now(), "opened_at": timezone.now() - ago, **fields}
    )


def levels(ticket: Ticket) -> list[tuple[int, bool]]:
    """(level, skipped) of the ticket's escalations, in order."""
    rows = Escalation.objects.filter(ticket=ticket).order_by("id")
    return list(rows.values_list("level", "skipped"))


def pass_time(amount: timedelta) -> None:
    """As if `amount` had passed: everything about clocks lies that much further back."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE sla_slaclock SET started_at = started_at - %(by)s,
                      running_since = running_since - %(by)s, due_at = due_at - %(by)s,
                      breached_at = breached_at - %(by)s, next_check_at = next_check_at - %(by)s,
                      acknowledged_until = acknowledged_until - %(by)s""",
            {"by": amount},
        )
        cursor.execute("UPDATE tickets_ticket SET opened_at = opened_at - %s", [amount])


@pytest.fixture(autouse=True)
def _levels(db: None) -> None:
    publish_policy(tiers=ONLY_RESOLUTION, levels=LEVELS)


def test_nothing_happens_before_the_first_level() -> None:
    ticket = opened(29 * MINUTE)

    assert check_clocks() == 0
    assert levels(ticket) == []


def test_a_level_is_recorded_with_what_was_due_and_when_it_was_found() -> None:
    ticket = opened(55 * MINUTE)

    assert check_clocks() == 1

    warning = Escalation.objects.get(ticket=ticket, skipped=False)
    assert (warning.level, warning.threshold, warning.breach) == (2, "85 %", False)
    assert warning.due_at == SlaClock.objects.get().started_at + 51 * MINUTE
    assert abs(warning.detected_at - timezone.now()) < MINUTE
    assert warning.percent_used == pytest.approx(55 / 60 * 100, abs=0.5)
    assert (
        warning.lateness < 5 * MINUTE
    )  # it fell due when the ticket arrived, not when it was opened


def test_pain_5_a_level_is_reached_once_however_often_one_looks() -> None:
    ticket = opened(55 * MINUTE)

    assert [check_clocks() for _ in range(5)] == [1, 0, 0, 0, 0]
    assert levels(ticket) == [(1, True), (2, False)]


def test_pain_6_levels_follow_each_other_as_time_passes() -> None:
    ticket = opened(35 * MINUTE)
    check_clocks()
    for _ in range(4):
        pass_time(20 * MINUTE)
        check_clocks()

    assert levels(ticket) == [(1, False), (2, False), (3, False), (4, False)]


def test_pain_7_after_an_outage_late_levels_collapse_into_the_highest() -> None:
    ticket = opened(5 * HOUR)

    assert check_clocks() == 1
    assert levels(ticket) == [(1, True), (2, True), (3, True), (4, False)]
    assert Ticket.objects.get(pk=ticket.pk).escalation_level == 4


def test_there_is_a_cap_after_the_last_level_nothing_is_due_any_more() -> None:
    ticket = opened(5 * HOUR)
    check_clocks()

    pass_time(100 * HOUR)

    assert check_clocks() == 0
    assert SlaClock.objects.get(ticket=ticket).next_check_at is None


def test_a_breach_is_noted_on_clock_ledger_and_ticket() -> None:
    ticket = opened(61 * MINUTE)

    check_clocks()

    clock = SlaClock.objects.get(ticket=ticket)
    assert clock.breached_at == clock.due_at
    assert ClockEvent.objects.get(clock=clock, kind="breach").at == clock.due_at
    assert Ticket.objects.get(pk=ticket.pk).sla_breached


def test_a_breach_is_noted_even_by_a_policy_without_a_level_for_it() -> None:
    publish_policy(tiers=ONLY_RESOLUTION, levels=[{"at": 50}])
    ticket = opened(2 * HOUR)

    check_clocks()

    assert Ticket.objects.get(pk=ticket.pk).sla_breached
    assert SlaClock.objects.get(ticket=ticket).breached_at is not None


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.ON_HOLD, Status.CANCELLED])
def test_pain_8_resolved_and_paused_clocks_stop_escalating_at_once(status: Status) -> None:
    ticket = opened(35 * MINUTE)
    check_clocks()
    move_tickets(ids=[ticket.pk], status=status, actor="ana", now=timezone.now())

    pass_time(5 * HOUR)

    assert check_clocks() == 0
    assert levels(ticket) == [(1, False)]


def test_the_history_tells_of_an_escalation() -> None:
    ticket = opened(55 * MINUTE)

    check_clocks()

    event = TicketEvent.objects.get(ticket=ticket, kind="escalated")
    assert event.changes["escalation"] == [None, "resolution level 2: 85 %"]
    assert event.actor == "sla"


def test_a_level_raises_the_priority_hands_over_and_tags() -> None:
    publish_policy(
        tiers={"standard": {"P2": {"resolution": 90}, "P3": {"resolution": 60}}},
        levels=[{"at": 50, "raise_priority": True, "assign_group": "Network", "add_tag": "hot"}],
    )
    ticket = opened(35 * MINUTE)

    check_clocks()

    changed = Ticket.objects.get(pk=ticket.pk)
    network = SupportGroup.objects.get(name="Network")
    assert (changed.priority, changed.tags) == (2, ["hot"])
    assert (changed.group, changed.department) == (network, network.department)
    assert {"priority", "group", "department"} <= set(changed.locked_fields)
    assert SlaClock.objects.get(ticket=ticket).target == 90 * MINUTE
    said = Escalation.objects.get(ticket=ticket).actions
    assert said[:3] == ["Priority raised to P2.", "Handed to Network.", "Tagged hot."]


def test_levels_of_two_clocks_that_act_on_one_ticket_at_once_all_stay_done() -> None:
    targets = {"first_response": 30, "resolution": 60}
    publish_policy(
        tiers={"standard": {"P2": targets, "P3": targets}},
        levels=[
            {"at": 50, "metrics": ["resolution"], "assign_group": "Network", "add_tag": "late"},
            {"at": 60, "metrics": ["first_response"], "raise_priority": True, "add_tag": "waits"},
        ],
    )
    ticket = opened(35 * MINUTE)
    change_tickets(ids=[ticket.pk], values={"priority": None}, actor="ana", now=timezone.now())
    Ticket.objects.filter(pk=ticket.pk).update(priority=3)  # as triage ranks: not locked

    check_clocks()

    changed = Ticket.objects.get(pk=ticket.pk)
    assert (changed.priority, set(changed.tags)) == (2, {"late", "waits"})
    assert changed.locked_fields == ["department", "group", "priority"]


def test_a_level_for_one_metric_leaves_the_others_alone() -> None:
    publish_policy(
        tiers={"standard": {"P3": {"first_response": 30, "resolution": 60}}},
        levels=[{"at": 50, "metrics": ["resolution"]}, {"at": 100}],
    )
    ticket = opened(40 * MINUTE)

    check_clocks()

    found = Escalation.objects.filter(ticket=ticket).values_list("clock__metric", "level")
    assert set(found) == {("resolution", 1), ("first_response", 2)}


def test_a_level_that_was_reached_stays_reached_after_a_retarget() -> None:
    publish_policy(
        tiers={"standard": {"P3": {"resolution": 60}, "P4": {"resolution": 600}}}, levels=LEVELS
    )
    ticket = opened(61 * MINUTE)
    check_clocks()

    change_tickets(ids=[ticket.pk], values={"priority": 4}, actor="ana", now=timezone.now())
    assert not Ticket.objects.get(pk=ticket.pk).sla_breached
    pass_time(8 * HOUR)
    check_clocks()
    assert levels(ticket) == [(1, True), (2, True), (3, False)]

    pass_time(4 * HOUR)
    check_clocks()
    assert levels(ticket)[-1] == (4, False)


# --- acknowledging


def test_pain_8_an_acknowledgement_stops_the_following_levels_until_it_runs_out() -> None:
    ticket = opened(35 * MINUTE)
    check_clocks()

    acknowledge(ids=[ticket.pk], actor="ana", lasting=HOUR)
    pass_time(40 * MINUTE)
    check_clocks()
    assert levels(ticket) == [(1, False)]
    assert Ticket.objects.get(pk=ticket.pk).sla_breached  # nobody is told, but it is noted

    pass_time(30 * MINUTE)
    check_clocks()
    assert levels(ticket) == [(1, False), (2, True), (3, True), (4, False)]


def test_an_acknowledgement_lasts_as_long_as_the_policy_says() -> None:
    ticket = opened(35 * MINUTE)

    until = acknowledge(ids=[ticket.pk], actor="ana")

    assert abs(until - timezone.now() - 30 * MINUTE) < MINUTE


def test_an_acknowledgement_is_told_on_escalation_clock_and_ticket() -> None:
    ticket = opened(35 * MINUTE)
    check_clocks()

    acknowledge(ids=[ticket.pk], actor="ana")

    assert Escalation.objects.get(ticket=ticket).acknowledged_by == "ana"
    assert SlaClock.objects.get(ticket=ticket).acknowledged_by == "ana"
    assert TicketEvent.objects.filter(ticket=ticket, kind="acknowledged").count() == 1


def test_a_ticket_without_a_running_clock_cannot_be_acknowledged() -> None:
    ticket = opened(MINUTE, status="resolved")

    with pytest.raises(NothingToAcknowledge, match=f"#{ticket.pk}"):
        acknowledge(ids=[ticket.pk], actor="ana")


# --- many, and broken ones


def test_more_than_a_chunk_is_checked_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sla.services.checking.CHUNK", 7)
    for _ in range(20):
        opened(35 * MINUTE)

    assert check_clocks() == 20


def test_a_clock_that_cannot_be_checked_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from sla.services import checking

    good, bad = opened(35 * MINUTE), opened(35 * MINUTE)
    look_at = checking.look_at

    def stumble(clock: SlaClock, *rest: Any) -> Any:
        if clock.ticket_id == bad.pk:
            raise ValueError("cannot be read")
        return look_at(clock, *rest)

    monkeypatch.setattr(checking, "look_at", stumble)

    assert check_clocks() == 1
    assert levels(good) == [(1, False)]
    broken = SlaClock.objects.get(ticket=bad)
    assert (broken.failures, broken.error) == (1, "ValueError: cannot be read")
    assert broken.next_check_at is not None
    assert broken.next_check_at > timezone.now() + MINUTE


def test_an_escalation_that_cannot_be_carried_out_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sla.services import escalating

    good, bad = opened(35 * MINUTE), opened(35 * MINUTE)
    record_changes = escalating.record_changes

    def stumble(changes: Any, **rest: Any) -> Any:
        if any(change.ticket.pk == bad.pk for change in changes):
            raise ValueError("cannot be read")
        return record_changes(changes, **rest)

    monkeypatch.setattr(escalating, "record_changes", stumble)

    assert check_clocks() == 1
    assert levels(good) == [(1, False)]
    assert levels(bad) == []
    assert SlaClock.objects.get(ticket=bad).error == "ValueError: cannot be read"


def test_a_database_that_goes_away_is_no_clocks_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from sla.services import checking

    ticket = opened(35 * MINUTE)
    failures = iter([ValueError("in one of them"), OperationalError("connection lost")])
    cut_off = iter([False, True])

    def fail(**_: Any) -> Any:
        raise next(failures)

    monkeypatch.setattr(checking, "check_chunk", fail)
    monkeypatch.setattr(checking, "_cut_off", lambda _: next(cut_off))

    with pytest.raises(OperationalError):
        check_clocks()
    assert SlaClock.objects.get(ticket=ticket).failures == 0


def test_a_task_whose_time_is_up_blames_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    from sla.services import checking

    opened(35 * MINUTE)

    def slow(*args: Any) -> Any:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(checking, "look_at", slow)

    with pytest.raises(SoftTimeLimitExceeded):
        check_clocks()
    assert set(SlaClock.objects.values_list("failures", flat=True)) == {0}


def test_a_clock_is_whole_again_after_a_good_check() -> None:
    ticket = opened(35 * MINUTE)
    SlaClock.objects.update(failures=3, error="cannot be read")

    check_clocks()

    assert SlaClock.objects.get(ticket=ticket).failures == 0


@pytest.mark.django_db(transaction=True)
def test_clocks_that_are_too_slow_for_one_lease_together_get_through_in_smaller_chunks(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    from sla.services import checking

    settings.SLA_LEASE_SECONDS = 1
    tickets = [opened(35 * MINUTE) for _ in range(8)]
    look_at, check_chunk, limits = checking.look_at, checking.check_chunk, []

    def slow(*args: Any) -> Any:
        time.sleep(0.2)  # the database throws out who takes eight of them
        return look_at(*args)

    def note(*, limit: int) -> Any:
        limits.append(limit)
        return check_chunk(limit=limit)

    monkeypatch.setattr(checking, "look_at", slow)
    monkeypatch.setattr(checking, "check_chunk", note)
    monkeypatch.setattr(checking, "CHUNK", 8)
    monkeypatch.setattr(checking, "_halvings", 0)

    assert check_clocks() == 8

    assert [levels(ticket) for ticket in tickets] == [[(1, False)]] * 8
    assert limits[:2] == [8, 4]
    assert limits == sorted(limits, reverse=True)


def test_chunks_grow_again_when_they_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from sla.services import checking

    for _ in range(4):
        opened(35 * MINUTE)
    limits, check_chunk = [], checking.check_chunk

    def note(*, limit: int) -> Any:
        limits.append(limit)
        return check_chunk(limit=limit)

    monkeypatch.setattr(checking, "check_chunk", note)
    monkeypatch.setattr(checking, "CHUNK", 4)
    monkeypatch.setattr(checking, "_halvings", 2)

    assert check_clocks() == 4
    assert limits == [1, 2, 4, 4]
