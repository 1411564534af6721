"""The queries behind the lists use their indexes, so that a million tickets cost what a thousand do."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_user
from tickets import urgency
from tickets.facets import Facets, facets
from tickets.filters import TicketFilter
from tickets.models import Ticket
from tickets.querysets import RANKED_MATCHES, indexed_matches
from tickets.services.attaching import low_parents
from triage.models import TriageBatch, TriageJob
from workers import leases

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(db: None) -> None:
    """20,000 tickets; every 200th open."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO tickets_ticket (source, title, description, requester_name, requester_email,
                   customer_tier, tags, server, status, priority, locked_fields, triage_status, opened_at,
                   resolved_at, closed_at, version)
               SELECT 'x', 'printer ' || n || CASE WHEN n % 5000 = 0 THEN ' zanzibar' ELSE '' END, '', '', '',
                   'standard', '{}', '', CASE WHEN n % 200 = 0 THEN 'open' ELSE 'closed' END, 1 + n % 4, '{}',
                   'completed', t, t, t, 1
                 FROM generate_series(1, 20000) n, LATERAL (SELECT now() - n * interval '1 minute' AS t) x"""
        )
        cursor.execute(
            "INSERT INTO tickets_ticketsearch SELECT id, to_tsvector('english', title) FROM tickets_ticket"
        )
        cursor.execute(
            "SELECT gin_clean_pending_list('tickets_search_vector')"
        )  # as autovacuum does
        cursor.execute("ANALYZE tickets_ticket; ANALYZE tickets_ticketsearch")


def plan(rows: object) -> str:
    return str(rows.explain())  # type: ignore[attr-defined]


def newest(rows: object) -> object:
    return rows.order_by("-opened_at", "-id")[:51]  # type: ignore[attr-defined]


def test_the_list_reads_its_page_from_the_index(many: None) -> None:
    text = plan(newest(Ticket.objects.with_names()))

    assert "tickets_ticket_opened" in text
    assert "Seq Scan on tickets_ticket" not in text


def test_a_filtered_list_reads_the_filters_index(many: None) -> None:
    text = plan(newest(Ticket.objects.filter(status__in=["open"])))

    assert "tickets_ticket_status" in text
    assert "Sort" not in text


def test_a_list_for_somebody_with_hidden_departments_still_reads_the_index(many: None) -> None:
    text = plan(newest(Ticket.objects.visible_to(make_user("bob", "Agent"))))

    assert "tickets_ticket_opened" in text


def test_a_search_for_a_rare_word_reads_the_search_index(many: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + indexed_matches("to_tsquery('english', 'zanzi:*')"))
        text = str(cursor.fetchall())

    assert "tickets_search_vector" in text
    assert Ticket.objects.ranked("zanzi").count() == 4


def test_a_search_for_a_common_word_ranks_the_newest(many: None) -> None:
    ids = set(Ticket.objects.ranked("printer").values_list("pk", flat=True))

    assert ids == set(Ticket.objects.order_by("-id").values_list("pk", flat=True)[:RANKED_MATCHES])


def test_a_search_among_filtered_tickets_finds_the_old_ones_too(many: None) -> None:
    # The newest thousand printers hold five open ones; all hundred must be found.
    open_ones = Ticket.objects.filter(status="open")

    assert open_ones.ranked("printer").count() == 100
    assert open_ones.ranked("zanzi").count() == 4


def insert_jobs(state: str, remainder: int) -> None:
    """A job for every second ticket, ended unless it waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO triage_triagejob
                      (ticket_id, state, attempts, nudges, request_id, error, nudge_at, finished_at)
               SELECT id, %s, 0, 0, '', '', now(), CASE WHEN %s = 'done' THEN now() END
                 FROM tickets_ticket WHERE id %% 2 = %s""",
            [state, state, remainder],
        )


def test_the_sweep_reads_its_partial_index(many: None) -> None:
    insert_jobs("done", 0)
    insert_jobs("pending", 1)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM triage_triagejob WHERE state = 'pending' AND id % 500 > 0")
        cursor.execute("ANALYZE triage_triagejob")
        cursor.execute(
            """EXPLAIN SELECT id FROM triage_triagejob WHERE state IN ('pending', 'running') AND nudge_at < now()
               ORDER BY nudge_at LIMIT 5000"""
        )
        assert "triage_job_sweep" in str(cursor.fetchall())


def test_a_claim_does_not_read_the_backlog_when_the_statistics_know_of_none(many: None) -> None:
    insert_jobs("done", 0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE triage_triagejob")
    insert_jobs("pending", 1)
    ids = list(TriageJob.objects.filter(state="pending").values_list("pk", flat=True)[:100])
    with CaptureQueriesContext(connection) as queries:
        held = leases.claim(TriageJob, ids, lease=timedelta(seconds=60))
        leases.finish(TriageJob, held, ids)

    for query in queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {query['sql']}")
            text = str(cursor.fetchall())
        assert "triage_triagejob_pkey" in text
        assert "triage_job_sweep" not in text
        assert "triage_job_unfinished" not in text


def test_the_list_of_an_owners_tickets_reads_the_owners_index(many: None) -> None:
    owner = uuid.uuid4()
    Ticket.objects.filter(pk__in=list(Ticket.objects.values_list("pk", flat=True)[:9])).update(
        owner_id=owner
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tickets_ticket")

    text = plan(newest(TicketFilter({"owner_id": str(owner)}, queryset=Ticket.objects.all()).qs))

    assert "tickets_ticket_owner" in text


def test_a_list_of_a_tag_reads_the_tags_index(many: None) -> None:
    Ticket.objects.filter(pk__in=list(Ticket.objects.values_list("pk", flat=True)[:9])).update(
        tags=["vpn"]
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tickets_ticket")

    text = plan(TicketFilter({"tag": "vpn"}, queryset=Ticket.objects.all()).qs)

    assert "tickets_ticket_tags" in text


def test_facets_count_the_newest_by_the_lists_index(many: None) -> None:
    with CaptureQueriesContext(connection) as captured:
        found = facets(
            {"priority": "1"}, tickets=Ticket.objects.all(), request=None, most=1000, patience=60
        )
    counting = [query["sql"] for query in captured if "GROUPING SETS" in query["sql"]]

    assert isinstance(found, Facets)
    assert (found.count, len(counting)) == (1000, 2)
    for sql in counting:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}")
            text = str(cursor.fetchall())
        assert "Seq Scan on tickets_ticket" not in text


def test_facets_of_several_statuses_read_each_in_its_order(many: None) -> None:
    with CaptureQueriesContext(connection) as captured:
        facets(
            {"status": "open,closed"},
            tickets=Ticket.objects.all(),
            request=None,
            most=1000,
            patience=60,
        )
    counting = [query["sql"] for query in captured if "GROUPING SETS" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {counting[0]}")
        text = str(cursor.fetchall())

    assert "Merge Append" in text
    assert "tickets_ticket_status" in text
    assert "Seq Scan on tickets_ticket" not in text


@pytest.mark.parametrize("back", [False, True])
def test_a_page_by_priority_reads_two_ranges_of_its_index(many: None, back: bool) -> None:
    middle = Ticket.objects.order_by("pk")[9000]
    place = urgency.Place(back, 2, middle.opened_at, middle.pk)
    with CaptureQueriesContext(connection) as captured:
        page, _, _ = urgency.read_page(Ticket.objects.all(), place, 50)

    assert {ticket.priority for ticket in page} == {2}
    for query in captured:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {query['sql']}")
            text = str(cursor.fetchall())
        assert "tickets_ticket_priority" in text
        assert "Sort" not in text


def test_parents_are_found_by_the_index_of_those_that_are_attached(many: None) -> None:
    newest = Ticket.objects.latest("pk").pk
    Ticket.objects.filter(pk__gt=newest - 40, pk__lt=newest).update(parent=newest)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tickets_ticket")

    assert "tickets_ticket_parent" in plan(Ticket.objects.filter(parent__in=[newest]))
    text = plan(low_parents())
    assert "tickets_ticket_parent" in text
    assert "Seq Scan on tickets_ticket" not in text


def test_the_progress_of_a_batch_is_counted_in_one_index(many: None) -> None:
    batch = TriageBatch.objects.create(requested_by="x", total_items=20_000)
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO triage_triagejob (ticket_id, batch_id, state, attempts, nudges, request_id, error)
               SELECT id, CASE WHEN id %% 50 = 0 THEN %s END, 'pending', 0, 0, '', '' FROM tickets_ticket""",
            [batch.pk],
        )
        cursor.execute("ANALYZE triage_triagejob")
    with CaptureQueriesContext(connection) as captured:
        progress = TriageJob.objects.progress_of([batch.pk])[batch.pk]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {captured[0]['sql']}")
        text = str(cursor.fetchall())

    assert progress.pending == 400
    assert "triage_job_once_in_batch" in text
