"""The index of similar tickets, the search in it, and what it makes of probable duplicates."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import NOON, make_ticket, make_user
from tickets import services as tickets
from tickets.lifecycle import Status
from tickets.models import Department, Ticket
from triage import likeness, similar
from triage.models import DuplicatePolicy, TermStatistics, TicketTerms
from triage.services import forget_old_terms, index_tickets
from triage.services import similar as services
from workers.services import purge

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
MAIL = "The mail server in Berlin rejects every message with error 4.7.1 since this morning"
AGAIN = "Since this morning error 4.7.1: the Berlin mail server rejects every message that I send"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What a process knows of the tickets ends with the test that counted them."""
    yield
    similar._known = None


def index(now: datetime = NOW) -> int:
    """One look at what is there, and one that works on it."""
    nothing = timedelta(0)
    return index_tickets(now=now, settled=nothing) + index_tickets(now=now, settled=nothing)


def opened(title: str, **fields: Any) -> Ticket:
    return make_ticket(at=NOW, title=title, **fields)


def like(ticket: Ticket, user: User | None = None) -> list[similar.Similar]:
    among = Ticket.objects.visible_to(user) if user else Ticket.objects.all()
    return similar.similar_to(ticket, among=among, now=NOW)


def found(ticket: Ticket) -> list[int]:
    return [one.ticket.pk for one in like(ticket)]


def allow_merging(share: float | None = 0.5) -> None:
    DuplicatePolicy.objects.update(suggest_from=0.5, merge_from=share)


def triaged(*rows: Ticket, department: str | None = "IT Support") -> None:
    where = Department.objects.filter(name=department).first()
    Ticket.objects.filter(pk__in=[row.pk for row in rows]).update(
        triage_status="completed", department=where
    )


def test_a_new_desk_knows_nothing_and_says_so() -> None:
    assert like(opened(MAIL)) == []


def test_the_ticket_about_the_same_matter_comes_first_with_its_reasons() -> None:
    old, other = opened(MAIL), opened("New laptop for a colleague who starts on Monday")
    index()
    [best, *rest] = like(opened(AGAIN))

    assert best.ticket == old
    assert {"mail", "berlin", "reject"} & set(best.shared)
    assert best.score > 0.5
    assert best.duplicate
    assert other.pk not in [one.ticket.pk for one in rest if one.duplicate]


def test_a_ticket_is_not_similar_to_itself() -> None:
    ticket = opened(MAIL)
    index()

    assert found(ticket) == []


def test_at_most_five_are_shown() -> None:
    for number in range(7):
        opened(f"{MAIL} {number}")
    index()

    assert len(like(opened(AGAIN))) == 5


def test_what_was_opened_more_than_ninety_days_ago_is_not_looked_at() -> None:
    make_ticket(at=NOW - timedelta(days=91), title=MAIL)
    almost = make_ticket(at=NOW - timedelta(days=89), title=MAIL)
    index()

    assert found(opened(AGAIN)) == [almost.pk]
    assert index(NOW + timedelta(days=2)) == 1  # the one that was asked about
    assert almost.pk not in [
        one.ticket.pk
        for one in similar.similar_to(
            opened(AGAIN), among=Ticket.objects.all(), now=NOW + timedelta(days=2)
        )
    ]


def test_the_purge_takes_old_tickets_out_of_the_index() -> None:
    opened(MAIL)
    index()

    assert forget_old_terms(NOW + timedelta(days=89)) == 0
    assert purge(now=NOW + timedelta(days=91)) >= 1
    assert not TicketTerms.objects.exists()


def test_new_words_change_what_a_ticket_is_like() -> None:
    ticket = opened("The printer is on strike")
    index()
    tickets.change_tickets(ids=[ticket.pk], values={"title": MAIL}, actor="ana", now=NOW)
    assert TicketTerms.objects.get().stale

    index()
    assert not TicketTerms.objects.get().stale
    assert found(opened(AGAIN)) == [ticket.pk]


@pytest.mark.django_db(transaction=True)
def test_words_that_change_while_others_are_indexed_are_indexed_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = opened("First")
    index()
    reword(ticket, "Second")
    write, threads = services._write, []

    def slowly(rows: Any, rarity: Any) -> None:
        if rows and not threads:
            threads.append(threading.Thread(target=reword, args=(ticket, MAIL)))
            threads[0].start()
            threads[0].join(1)
        write(rows, rarity)

    monkeypatch.setattr(services, "_write", slowly)
    index()
    threads[0].join(10)
    index()

    expected = likeness.entries_of(likeness.weigh(MAIL, ticket.description))
    kept = likeness.unpack(TicketTerms.objects.get().entries)
    assert set(kept["feature"]) == set(expected["feature"])


def reword(ticket: Ticket, title: str) -> None:
    tickets.change_tickets(ids=[ticket.pk], values={"title": title}, actor="ana", now=NOW)
    if threading.current_thread() is not threading.main_thread():
        connection.close()


def test_a_deleted_ticket_leaves_the_index() -> None:
    ticket = opened(MAIL)
    index()
    tickets.delete_tickets(ids=[ticket.pk], actor="ana", now=NOON)

    assert not TicketTerms.objects.exists()
    assert found(opened(AGAIN)) == []


def test_a_merged_ticket_is_not_shown() -> None:
    one, two = opened(MAIL), opened(MAIL)
    index()
    tickets.merge_tickets(source=two.pk, into=one.pk, actor="ana", now=NOW)

    assert found(opened(AGAIN)) == [one.pk]


def test_a_ticket_of_a_restricted_department_is_shown_to_its_members_only() -> None:
    secret = opened(MAIL, department="HR")
    index()
    asked, bob, hana = opened(AGAIN), make_user("bob", "Agent"), make_user("hana", "Agent")
    Department.objects.get(name="HR").members.add(hana)

    assert like(asked, bob) == []
    assert [one.ticket for one in like(asked, hana)] == [secret]


def test_the_last_public_answer_of_an_agent_is_the_solution() -> None:
    old = opened(MAIL)
    for body, public, asked in (
        ("Restarted the mail queue.", True, False),
        ("Check the disk next time.", False, False),
        ("Thank you!", True, True),
    ):
        tickets.comment_on(
            ticket=old, body=body, public=public, from_requester=asked, actor="ana", now=NOW
        )
    tickets.move_tickets(ids=[old.pk], status=Status.RESOLVED, actor="ana", now=NOW)
    index()
    [best] = like(opened(AGAIN))

    assert best.solution == similar.Solution("Restarted the mail queue.", "ana", NOW)


def test_without_an_answer_the_reason_of_the_end_is_the_solution() -> None:
    old = opened(MAIL)
    tickets.move_tickets(
        ids=[old.pk], status=Status.RESOLVED, actor="ana", now=NOW, reason="Certificate renewed."
    )
    index()

    [best] = like(opened(AGAIN))
    assert best.solution is not None
    assert best.solution.text == "Certificate renewed."


def test_what_still_goes_on_has_no_solution() -> None:
    old = opened(MAIL)
    tickets.comment_on(ticket=old, body="Looking.", public=True, actor="ana", now=NOW)
    index()

    assert like(opened(AGAIN))[0].solution is None


def test_the_index_waits_until_a_new_id_can_have_no_older_sister() -> None:
    opened(MAIL)

    assert index_tickets(now=NOW) == 0
    assert index_tickets(now=NOW) == 0
    TermStatistics.objects.update(seen_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert index_tickets(now=NOW) == 1


def test_an_index_run_that_is_repeated_puts_nothing_in_twice() -> None:
    opened(MAIL)

    assert index() == 1
    assert index() == 0
    TermStatistics.objects.update(indexed_to=0)
    assert index() == 1
    assert TicketTerms.objects.count() == 1


def test_counts_are_renewed_when_the_index_grew_and_once_a_day() -> None:
    opened(MAIL)
    index()
    first = TermStatistics.objects.get()

    index(NOW + timedelta(hours=1))
    assert TermStatistics.objects.get().counted_at == first.counted_at
    index(NOW + timedelta(hours=25))
    assert TermStatistics.objects.get().counted_at == NOW + timedelta(hours=25)
    for number in range(31):
        opened(f"Ticket number {number}")
    index(NOW + timedelta(hours=26))
    assert TermStatistics.objects.get().counted_at == NOW + timedelta(hours=26)


def test_a_new_ticket_like_an_open_one_is_noted_as_its_probable_duplicate() -> None:
    old, new = opened(MAIL), opened(AGAIN)
    index()

    row = TicketTerms.objects.get(ticket=new)
    assert row.probable == old
    assert (row.likeness or 0) > 0.5
    assert TicketTerms.objects.get(ticket=old).probable is None
    new.refresh_from_db()
    assert new.merged_into is None


def test_what_has_ended_already_is_no_ones_probable_duplicate() -> None:
    old = opened(MAIL)
    tickets.move_tickets(ids=[old.pk], status=Status.RESOLVED, actor="ana", now=NOW)
    opened(AGAIN)
    index()

    assert not TicketTerms.objects.filter(probable__isnull=False).exists()


def test_nothing_is_merged_unless_the_admin_says_from_when_on() -> None:
    old, new = opened(MAIL), opened(MAIL)
    triaged(old, new)
    index()

    new.refresh_from_db()
    assert new.merged_into is None


def test_with_a_threshold_the_newer_one_is_merged_and_its_history_says_why() -> None:
    allow_merging()
    old, new = opened(MAIL), opened(AGAIN)
    triaged(old, new)
    index()

    new.refresh_from_db()
    assert (new.merged_into, new.status) == (old, Status.CANCELLED)
    event = new.events.get(kind="merged")
    assert event.actor == "triage"
    assert "alike; from 50% on tickets are merged" in event.reason


def test_a_ticket_that_breaks_the_comparison_does_not_stop_those_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow_merging()
    old, bad, good = opened(MAIL), opened(AGAIN), opened(AGAIN)
    triaged(old, bad, good)
    merge = services.merge_tickets

    def breaks(*, source: int, **given: Any) -> Any:
        if source == bad.pk:
            raise RuntimeError("boom")
        return merge(source=source, **given)

    monkeypatch.setattr(services, "merge_tickets", breaks)
    index()

    good.refresh_from_db()
    assert good.merged_into is not None
    assert TermStatistics.objects.get().compared_to == good.pk


def test_below_the_threshold_a_duplicate_is_only_suggested() -> None:
    allow_merging(1.0)
    old, new = opened(MAIL), opened(AGAIN)
    triaged(old, new)
    index()

    new.refresh_from_db()
    assert new.merged_into is None
    assert TicketTerms.objects.get(ticket=new).probable == old


@pytest.mark.parametrize(("one", "other"), [("HR", "IT Support"), ("IT Support", "HR")])
def test_nothing_is_merged_across_the_border_of_a_restricted_department(
    one: str, other: str
) -> None:
    allow_merging()
    old, new = opened(MAIL), opened(AGAIN)
    triaged(old, department=one)
    triaged(new, department=other)
    index()

    new.refresh_from_db()
    assert new.merged_into is None


def test_nothing_is_merged_across_two_owners() -> None:
    allow_merging()
    old, new = opened(MAIL, owner_id=str(uuid4())), opened(AGAIN, owner_id=str(uuid4()))
    triaged(old, new)
    index()

    new.refresh_from_db()
    assert new.merged_into is None
    assert TicketTerms.objects.get(ticket=new).probable == old  # a person may


def test_nothing_is_merged_before_triage_said_where_it_belongs() -> None:
    allow_merging()
    old, new = opened(MAIL), opened(AGAIN)
    triaged(old)
    index()

    new.refresh_from_db()
    assert new.merged_into is None


def test_the_database_refuses_to_merge_below_what_it_suggests() -> None:
    policy = DuplicatePolicy.objects.get()
    policy.merge_from = 0.4

    with pytest.raises(Exception, match="Merging needs at least"):
        policy.full_clean()


def test_the_api_shows_them_with_their_reasons(api: APIClient) -> None:
    at = datetime.now(UTC)
    old = make_ticket(at=at, title=MAIL, category="email")
    index(at)
    asked = make_ticket(at=at, title=AGAIN)

    answer = api.get(f"/api/v1/tickets/{asked.pk}/similar/")
    [one] = answer.json()["results"]
    assert one["id"] == old.pk
    assert one["duplicate"] is True
    assert (one["status"], one["category"], one["solution"]) == ("open", "email", None)
    assert 0.5 < one["score"] <= 1
    assert "berlin" in one["shared"]


def test_the_api_hides_a_hidden_ticket_from_strangers() -> None:
    secret = make_ticket(title=MAIL, department="HR")

    answer = client_for(make_user("bob", "Agent")).get(f"/api/v1/tickets/{secret.pk}/similar/")
    assert answer.status_code == 404


def test_the_search_reads_its_index_among_many_tickets() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO triage_ticketterms (ticket_id, opened_at, terms, entries, stale)
               SELECT n, now(), ARRAY[n, n % 100, n % 7, 1000000], '', false FROM generate_series(1, 30000) n"""
        )
        cursor.execute("ANALYZE triage_ticketterms")
        sql, given = similar.candidates_query([[4711], [11, 3]], since=NOW, besides=0)
        cursor.execute(f"EXPLAIN {sql}", given)
        plan = str(cursor.fetchall())

    assert plan.count("Bitmap Index Scan on triage_ticketterms_search") == 2
    assert "triage_ticketterms_pkey" in plan
    assert "Seq Scan" not in plan


def test_a_common_word_among_many_tickets_brings_the_newest_of_them() -> None:
    entries = likeness.entries_of(likeness.weigh("printer", "")).tobytes()
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO triage_ticketterms (ticket_id, opened_at, terms, entries, stale)
               SELECT n, %s, ARRAY[7], %s, false FROM generate_series(1, 4000) n""",
            [NOW, entries],
        )
        cursor.execute(*similar.candidates_query([[7]], since=NOW, besides=0))
        ids, _, _ = cursor.fetchone()

    assert set(ids) == set(range(4001 - similar.CANDIDATES, 4001))
