"""The counts that a tick keeps are those that counting everything anew would make."""

from functools import partial
from threading import Event
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from analytics import metrics, services
from analytics.freshness import freshness, oldest_note_age
from analytics.models import (
    ChangedTicket,
    FlowCount,
    RollupState,
    TicketCount,
    TicketFact,
    TicketFlow,
)
from analytics.services import counting, refreshing
from tests.analytics.histories import History
from tests.factories import NOON, make_ticket, make_user
from tests.racing import at_once
from tickets.lifecycle import LIVE, Status
from tickets.models import Ticket
from tickets.services import delete_tickets, move_tickets
from triage.models import Correction, TriageJob
from workers.models import Heartbeat
from workers.names import TaskName

COUNTED = (TicketFact, TicketFlow, FlowCount, TicketCount)


def everything() -> list[Any]:
    """All that is counted, without the rows that have become nothing."""
    found: list[Any] = []
    for model in COUNTED:
        key = [getattr(field, "attname", "") for field in model._meta.pk_fields]
        rows = model.objects.order_by(*key).values()
        counts = [row for row in rows if _counts(model, row, key)]
        found.append([sorted(row.items()) for row in counts])
    return found


def _counts(model: Any, row: dict[str, Any], key: list[str]) -> bool:
    if model not in (FlowCount, TicketCount):
        return True
    return any(value for name, value in row.items() if name not in key)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(6))
def test_what_was_counted_change_by_change_is_what_counting_anew_finds(seed: int) -> None:
    History(seed, between=services.refresh_figures).play()
    step_by_step = everything()

    services.rebuild_figures()

    assert everything() == step_by_step
    assert not ChangedTicket.objects.exists()
    assert TicketFact.objects.count() == Ticket.objects.count()


@pytest.mark.django_db
def test_to_count_a_ticket_twice_changes_nothing() -> None:
    History(7).play(40)
    services.refresh_figures()
    before = everything()

    counting.count_anew(list(Ticket.objects.values_list("pk", flat=True)))

    assert everything() == before


@pytest.mark.django_db
def test_chunks_that_end_anywhere_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    History(8).play(40)
    services.refresh_figures()
    before = everything()
    monkeypatch.setattr(refreshing, "CHUNK", 3)
    heard: list[int] = []

    services.rebuild_figures(tell=heard.append)

    assert everything() == before
    assert len(heard) > 3


@pytest.mark.django_db
def test_a_rebuild_that_died_is_gone_on_with_and_says_so_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    History(9).play(40)
    services.refresh_figures()
    before = everything()
    monkeypatch.setattr(refreshing, "CHUNK", 2)

    def dies(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        services.rebuild_figures(tell=dies)
    meanwhile, findings = freshness(), services.figures_findings()
    services.refresh_figures(seconds=None)

    assert meanwhile == {"as_of": None, "age_seconds": None}
    assert "not whole" in findings[0]
    assert freshness()["as_of"] is not None
    assert everything() == before


@pytest.mark.django_db
def test_a_deleted_ticket_is_taken_away() -> None:
    ticket = make_ticket()
    services.refresh_figures()
    delete_tickets(ids=[ticket.pk], actor="ana", now=NOON)

    services.refresh_figures()

    assert everything() == [[], [], [], []]


@pytest.mark.django_db
def test_a_row_that_somebody_changed_by_hand_is_noticed() -> None:
    ticket = make_ticket()
    services.refresh_figures()

    Ticket.objects.filter(pk=ticket.pk).update(status="closed", resolved_at=NOON, closed_at=NOON)
    services.refresh_figures()

    assert TicketFlow.objects.filter(ticket_id=ticket.pk, kind=1, at=NOON).exists()
    assert not TicketFact.objects.get(pk=ticket.pk).live


@pytest.mark.django_db
def test_a_removed_account_leaves_its_tickets_to_nobody() -> None:
    person = make_user("bob", "Agent")
    ticket = make_ticket(assignee="bob")
    services.refresh_figures()

    person.delete()
    services.refresh_figures()

    assert TicketFact.objects.get(pk=ticket.pk).agent_id == 0


@pytest.mark.django_db
def test_a_change_of_words_or_tags_is_nothing_to_count() -> None:
    ticket = make_ticket()
    services.refresh_figures()

    Ticket.objects.filter(pk=ticket.pk).update(title="x", tags=["a"], escalation_level=2)

    assert not ChangedTicket.objects.exists()


@pytest.mark.django_db
def test_a_correction_that_is_taken_back_is_noticed(vpn: Ticket) -> None:
    said = Correction.objects.create(
        ticket=vpn, field="category", value="hr", agreed=False, via="ticket", by="ana", at=NOON
    )
    services.refresh_figures()
    assert TicketFlow.objects.filter(ticket_id=vpn.pk, kind=31).exists()

    Correction.objects.filter(pk=said.pk).update(undone_at=NOON)
    services.refresh_figures()

    assert not TicketFlow.objects.filter(ticket_id=vpn.pk, kind=31).exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_commits_after_later_ones_were_counted_is_not_missed() -> None:
    early, late = make_ticket(), make_ticket()
    services.refresh_figures()

    def slow() -> None:
        with transaction.atomic():
            move_tickets(ids=[early.pk], status=Status.CANCELLED, actor="ana", now=NOON)
            noted.set()
            assert counted.wait(20)

    def quick() -> None:
        assert noted.wait(20)
        move_tickets(ids=[late.pk], status=Status.CANCELLED, actor="ana", now=NOON)
        services.refresh_figures()
        live.append(set(TicketFact.objects.filter(live=True).values_list("pk", flat=True)))
        counted.set()

    noted, counted, live = Event(), Event(), list[set[int]]()
    at_once(slow, quick)
    services.refresh_figures()

    assert live == [{early.pk}]
    assert not TicketFact.objects.filter(live=True).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_at_once_each_change_is_counted_once() -> None:
    tickets = [make_ticket() for _ in range(30)]
    RollupState.objects.get_or_create(pk=1)

    def work(part: int) -> None:
        for ticket in tickets[part::3]:
            move_tickets(ids=[ticket.pk], status=Status.CANCELLED, actor="ana", now=NOON)
            services.refresh_figures()

    at_once(*[partial(work, part) for part in range(3)])
    services.refresh_figures()

    [counted] = FlowCount.objects.filter(grain=0, minutes=60)
    assert (counted.created, counted.cancelled) == (30, 30)


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_beside_a_tick_ends_when_all_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(9):
        make_ticket()
    services.refresh_figures()
    monkeypatch.setattr(refreshing, "CHUNK", 2)
    count_anew, held = refreshing.count_anew, Event()

    def slow(ids: Any) -> None:
        held.set()
        sleeping.wait(0.2)
        count_anew(ids)

    def ticks() -> None:
        assert begun.wait(20)
        monkeypatch.setattr(refreshing, "count_anew", slow)
        services.refresh_figures(seconds=0.1)

    def tell(count: int) -> None:
        begun.set()
        assert held.wait(20)  # from here on somebody else has the row for a while

    def rebuilds() -> None:
        found.append(services.rebuild_figures(tell=tell))
        left.append(ChangedTicket.objects.count())

    begun, sleeping, found, left = Event(), Event(), list[int](), list[int]()
    at_once(rebuilds, ticks)

    assert (found, left) == ([9], [0])
    assert freshness()["as_of"] is not None


@pytest.mark.django_db
def test_a_decision_whose_job_is_not_there_has_no_latency(vpn: Ticket) -> None:
    services.refresh_figures()
    assert TicketFact.objects.get(pk=vpn.pk).triage_seconds is not None
    TriageJob.objects.filter(ticket=vpn).delete()

    counting.count_anew([vpn.pk])

    assert TicketFact.objects.get(pk=vpn.pk).triage_seconds is None


@pytest.mark.django_db
def test_tickets_that_nobody_counts_are_a_finding() -> None:
    RollupState.objects.all().delete()  # other tests may have committed one
    make_ticket()
    Heartbeat.objects.create(name="beat", beat_at=NOON)
    assert "Nobody counts the tickets" in services.figures_findings()[0]

    services.refresh_figures()
    RollupState.objects.update(as_of=None)

    assert services.figures_findings() == [
        "All tickets are being counted: until that is done, the figures are not whole."
    ]


@pytest.mark.django_db
def test_figures_that_are_old_are_a_finding() -> None:
    make_ticket()
    assert services.figures_findings() == []  # the desk has just been started
    services.refresh_figures()
    assert services.figures_findings() == []

    with connection.cursor() as cursor:
        cursor.execute("UPDATE analytics_rollupstate SET as_of = as_of - interval '2 minutes'")

    assert "more than a minute ago" in services.figures_findings()[0]


@pytest.mark.django_db
def test_what_waits_for_the_first_count_has_an_age() -> None:
    RollupState.objects.all().delete()
    ChangedTicket.objects.all().delete()
    assert oldest_note_age() == 0
    make_ticket()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE analytics_changedticket SET noted_at = now() - interval '10 minutes'"
        )

    assert {family.name: family.samples[0].value > 590 for family in metrics.age()} == {
        "smartops_analytics_oldest_change_age_seconds": True
    }
    services.refresh_figures()
    assert oldest_note_age() == 0


@pytest.mark.django_db
def test_metrics_tell_tickets_in_every_status() -> None:
    RollupState.objects.all().delete()
    open_one, ended = make_ticket(), make_ticket()
    assert set(tickets_by_status()) == {*LIVE}  # nobody has counted the others yet
    move_tickets(ids=[ended.pk], status=Status.CANCELLED, actor="ana", now=NOON)
    services.refresh_figures()

    told = tickets_by_status()

    assert told == dict.fromkeys(Status.values, 0) | {open_one.status: 1, "cancelled": 1}


def tickets_by_status() -> dict[str, float]:
    [family] = metrics.tickets()
    return {sample.labels["status"]: sample.value for sample in family.samples}


def test_ticks_leave_hardly_a_pause_while_notes_are_left() -> None:
    [entry] = [
        entry
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if entry["task"] == TaskName.ANALYTICS_REFRESH
    ]

    # Below the interval, or the next tick would find this one at work and end at once.
    assert 0.75 < refreshing.SECONDS / entry["schedule"] < 1
