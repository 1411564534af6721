from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from tests.factories import NOON, item, make_ticket
from tickets.models import EventKind, Ticket, TicketEvent
from tickets.services import open_tickets
from tickets.services.opening import Outcome, Result
from triage.models import TriageJob

pytestmark = pytest.mark.django_db


def send(**fields: object) -> Outcome:
    at = fields.pop("at", NOON)
    [outcome] = open_tickets(items=[item(at=at, **fields)], actor="zammad", now=at)
    return outcome


def test_a_ticket_its_event_and_its_job_are_written_together() -> None:
    ticket = make_ticket()

    assert TicketEvent.objects.get(ticket=ticket).kind == EventKind.OPENED
    assert TriageJob.objects.get(ticket=ticket).state == "pending"


def test_a_known_external_id_updates_its_ticket() -> None:
    first = send(external_id="7", title="Old")

    second = send(external_id="7", title="New")

    assert (second.result, second.ticket.pk, second.ticket.title) == (
        Result.UPDATED,
        first.ticket.pk,
        "New",
    )


def test_the_same_external_id_of_another_source_is_another_ticket() -> None:
    send(external_id="7")

    assert send(external_id="7", source="other").result is Result.CREATED


def test_an_update_that_says_nothing_new_changes_nothing() -> None:
    first = send(external_id="7", title="Same")

    assert send(external_id="7", title="Same").result is Result.UNCHANGED
    assert Ticket.objects.get().version == first.ticket.version


def test_an_update_that_is_not_newer_is_ignored() -> None:
    send(external_id="7", title="New", updated_at=NOON)

    stale = send(external_id="7", title="Old", updated_at=NOON - timedelta(minutes=1))

    assert stale.result is Result.UNCHANGED
    assert Ticket.objects.get().title == "New"


def test_two_items_about_one_ticket_apply_in_their_order() -> None:
    items = [
        item(external_id="7", title="First"),
        item(title="Other"),
        item(external_id="7", title="Second"),
    ]

    outcomes = open_tickets(items=items, actor="zammad", now=NOON)

    assert [o.result for o in outcomes] == [Result.CREATED, Result.CREATED, Result.UPDATED]
    assert Ticket.objects.get(external_id="7").title == "Second"


def test_a_sender_that_skips_steps_leaves_each_step_in_the_history() -> None:
    send(external_id="7")

    send(external_id="7", status="closed")

    moves = TicketEvent.objects.filter(kind=EventKind.MOVED).order_by("pk")
    assert [event.changes["status"] for event in moves] == [
        ["open", "resolved"],
        ["resolved", "closed"],
    ]
    assert Ticket.objects.get().closed_at == NOON


def test_a_ticket_that_arrives_closed_has_its_times() -> None:
    ticket = send(
        external_id="7",
        status="closed",
        opened_at=NOON - timedelta(days=2),
        updated_at=NOON - timedelta(days=1),
    ).ticket

    assert (ticket.resolved_at, ticket.closed_at) == (NOON - timedelta(days=1),) * 2


def test_values_that_the_sender_decided_are_locked() -> None:
    assert send(priority="high", category="network").ticket.locked_fields == [
        "category",
        "priority",
    ]


def test_new_words_ask_for_a_new_triage(triage_all: object) -> None:
    send(external_id="7", title="Old")
    triage_all()

    send(external_id="7", title="New")

    assert TriageJob.objects.filter(state="pending").count() == 1


def test_unknown_names_fail_their_item_alone() -> None:
    outcomes = open_tickets(items=[item(department="Nope"), item()], actor="zammad", now=NOON)

    assert [o.result for o in outcomes] == [Result.FAILED, Result.CREATED]
    assert "Use one of: Facilities" in outcomes[0].errors["department"][0]


def test_a_group_of_another_department_is_refused() -> None:
    outcome = send(department="Finance", group="Network")

    assert outcome.errors == {"group": ["Network belongs to IT Support, not Finance."]}


def test_the_number_of_queries_does_not_grow_with_the_tickets(
    django_assert_num_queries: object,
) -> None:
    def queries(count: int) -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            open_tickets(
                items=[item(title=f"Number {i}") for i in range(count)], actor="x", now=NOON
            )
        return len(captured)

    queries(1)  # after it, this process knows the policies
    assert queries(50) == queries(2)


def test_the_database_refuses_to_rewrite_history() -> None:
    make_ticket()

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        TicketEvent.objects.update(actor="somebody else")
