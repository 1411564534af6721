import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from tests.factories import NOON, make_ticket
from tests.statements import statements_of
from tickets import services as tickets
from tickets.models import EventKind, TicketEvent, TriageStatus
from triage import services
from triage.decide import decide
from triage.models import LlmRequest, TriageAttempt, TriageDecision, TriageJob
from triage.services import running
from workers import leases
from workers.models import DeadLetter
from workers.services import retry_dead_letters

pytestmark = pytest.mark.django_db


def run(*jobs: int) -> int:
    ids = list(jobs) or list(TriageJob.objects.values_list("pk", flat=True))
    return services.run_jobs(ids=ids, now=datetime.now(UTC))


def test_a_ticket_gets_category_priority_department_and_a_reason_for_each() -> None:
    ticket = make_ticket(title="VPN down for the whole office", description="Nobody can connect.")

    assert run() == 1

    ticket.refresh_from_db()
    assert (ticket.category.slug, ticket.priority) == ("network", 1)
    assert (ticket.department.name, ticket.group.name) == ("IT Support", "Network")
    decision = TriageDecision.objects.get(ticket=ticket)
    assert set(decision.fields) == {
        "category",
        "impact",
        "urgency",
        "priority",
        "department",
        "group",
    }
    assert all(field["why"] for field in decision.fields.values())


def test_a_decision_is_dated_by_the_database_whatever_the_worker_read_when_it_began() -> None:
    job = TriageJob.objects.get(ticket=make_ticket())

    services.run_jobs(ids=[job.pk], now=job.created_at - timedelta(hours=1))

    assert TriageDecision.objects.get(job=job).created_at >= job.created_at


def test_the_same_message_three_times_makes_one_decision() -> None:
    make_ticket()
    ids = list(TriageJob.objects.values_list("pk", flat=True))

    assert [run(*ids), run(*ids), run(*ids)] == [1, 0, 0]
    assert TriageDecision.objects.count() == 1
    assert TicketEvent.objects.filter(kind=EventKind.TRIAGED).count() == 1


def test_what_a_person_set_survives() -> None:
    ticket = make_ticket(title="VPN is down", category="hr", priority="low", department="Finance")

    run()

    ticket.refresh_from_db()
    assert (ticket.category.slug, ticket.priority, ticket.department.name) == ("hr", 4, "Finance")


def test_a_value_set_while_the_engines_were_thinking_survives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = make_ticket(title="VPN is down")

    def meanwhile(*args: Any) -> Any:
        tickets.change_tickets(ids=[ticket.pk], values={"category": "hr"}, actor="ana", now=NOON)
        return decide(*args)

    monkeypatch.setattr("triage.services.running.decide", meanwhile)
    run()

    ticket.refresh_from_db()
    assert ticket.category.slug == "hr"


def test_one_bad_ticket_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = make_ticket(title="Good"), make_ticket(title="Bad")

    def breaks(given: Any, *rest: Any) -> Any:
        if given.title == "Bad":
            raise RuntimeError("boom")
        return decide(given, *rest)

    monkeypatch.setattr("triage.services.running.decide", breaks)

    assert run() == 1
    assert TriageDecision.objects.get().ticket == good
    assert TriageAttempt.objects.get().job.ticket == bad


def test_after_three_failures_there_is_a_dead_letter_that_can_be_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = make_ticket()
    [job] = TriageJob.objects.values_list("pk", flat=True)

    def breaks(*_: Any) -> Any:
        raise RuntimeError("boom")

    with monkeypatch.context() as patch:
        patch.setattr("triage.services.running.decide", breaks)
        for _ in range(4):
            run(job)

    letter = DeadLetter.objects.get()
    ticket.refresh_from_db()
    assert (ticket.triage_status, TriageAttempt.objects.count()) == (TriageStatus.FAILED, 3)
    assert "boom" in letter.reason
    assert retry_dead_letters(letters=[letter], actor="ada", now=NOON) == 1
    assert run(job) == 1
    ticket.refresh_from_db()
    assert ticket.triage_status != TriageStatus.FAILED


def test_a_job_that_fails_after_a_newer_one_was_done_leaves_its_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = make_ticket(title="VPN down")
    old = TriageJob.objects.get()
    TriageJob.objects.update(attempts=2)
    services.retriage_one(ticket=ticket)
    run(TriageJob.objects.latest("pk").pk)
    ticket.refresh_from_db()
    before = ticket.triage_status
    monkeypatch.setattr("triage.services.running.decide", boom)

    run(old.pk)

    old.refresh_from_db()
    ticket.refresh_from_db()
    assert (old.state, ticket.triage_status) == ("failed", before)
    assert DeadLetter.objects.exists()


def boom(*_: Any) -> Any:
    raise RuntimeError("boom")


def test_a_row_that_spoils_the_statement_for_all_fails_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_ticket(title="Good")
    bad = make_ticket(title="Bad")
    from triage.services import running

    record = running.record_of

    def too_long(one: Any) -> dict[str, Any]:
        row = record(one)
        return {**row, "category": "x" * 500} if one.work.ticket == bad.pk else row

    monkeypatch.setattr(running, "record_of", too_long)

    assert run() == 1
    assert TriageDecision.objects.get().ticket.title == "Good"


def test_the_number_of_queries_does_not_grow_with_the_chunk() -> None:
    def queries(count: int) -> int:
        made = [make_ticket(title=f"VPN {number}").pk for number in range(count)]
        ids = list(TriageJob.objects.filter(ticket__in=made).values_list("pk", flat=True))
        return statements_of(lambda: run(*ids))

    queries(1)  # loads what triage knows
    assert queries(40) == queries(2)


def test_an_edited_rule_counts_from_the_next_chunk_on() -> None:
    from triage.models import Rule

    make_ticket(title="zorbification")
    run()
    rule = Rule.objects.get(name="Network")
    rule.terms = [{"text": "zorbification", "weight": 5}]
    rule.save(update_fields=["terms"])

    second = make_ticket(title="zorbification")
    run()

    second.refresh_from_db()
    assert second.category.slug == "network"


def test_the_request_that_sent_a_ticket_is_named_in_its_triage() -> None:
    from workers.context import request_id

    with request_id("req-77"):
        ticket = make_ticket()
    run()

    assert set(TicketEvent.objects.filter(ticket=ticket).values_list("request_id", flat=True)) == {
        "req-77"
    }


def test_a_worker_that_comes_late_does_not_overwrite_what_a_newer_job_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = make_ticket(title="VPN down for everybody")
    old = TriageJob.objects.get()
    decide_all = running._decide_all

    def slowly(*given: Any) -> Any:
        monkeypatch.undo()
        decided = decide_all(*given)
        words = {"title": "Refund of an invoice that was charged twice"}
        tickets.change_tickets(ids=[ticket.pk], values=words, actor="ana", now=NOON)
        run(TriageJob.objects.latest("pk").pk)
        return decided

    monkeypatch.setattr(running, "_decide_all", slowly)

    run(old.pk)

    old.refresh_from_db()
    ticket.refresh_from_db()
    assert (old.state, ticket.category.slug) == ("done", "billing")
    assert TriageDecision.objects.get(ticket=ticket).category == "billing"


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_not_take_a_job_whose_ticket_is_just_getting_other_words() -> None:
    ticket = make_ticket(title="VPN down")
    job = TriageJob.objects.get(ticket=ticket)
    claimed = []

    def work() -> None:
        try:
            claimed.append(leases.claim(TriageJob, [job.pk], lease=timedelta(seconds=60)).ids)
        finally:
            connection.close()

    with transaction.atomic():
        tickets.change_tickets(ids=[ticket.pk], values={"title": "Refund"}, actor="ana", now=NOON)
        worker = threading.Thread(target=work)
        worker.start()
        worker.join(20)
    work()

    assert claimed == [(), (job.pk,)]
    assert TriageJob.objects.get(ticket=ticket).pk == job.pk  # it waits for the new words


def test_what_was_opened_first_is_asked_about_first(settings: Any) -> None:
    """Whatever PostgreSQL finds quickest to read: the order is the jobs', not that of the table."""
    settings.LLM = object()
    settings.LLM_ASK = "always"
    tickets = [make_ticket(title="It does not work").pk for _ in range(3)]
    first = TriageJob.objects.order_by("pk").first()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("UPDATE triage_triagejob SET nudges = 0 WHERE id = %s", [first and first.pk])

    run()

    asked = LlmRequest.objects.order_by("pk").values_list("ticket", flat=True)
    assert list(asked) == tickets
