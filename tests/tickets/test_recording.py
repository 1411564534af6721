from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.db import transaction

from tests.factories import make_ticket
from tickets.models import Ticket
from tickets.services.recording import lock_columns

pytestmark = pytest.mark.django_db
Queries = Callable[[int], AbstractContextManager[object]]


def test_a_ticket_read_by_a_few_columns_looks_the_others_up_when_asked(
    django_assert_num_queries: Queries,
) -> None:
    made = make_ticket(title="VPN is down")

    with transaction.atomic():
        [ticket] = lock_columns([made.pk], ("priority", "tags"))
    assert ticket.get_deferred_fields() >= {"title", "status"}
    with django_assert_num_queries(0):
        assert (ticket.pk, ticket.tags) == (made.pk, [])
    with django_assert_num_queries(1):
        assert ticket.title == "VPN is down"


def test_saving_such_a_ticket_writes_the_columns_that_were_read() -> None:
    made = make_ticket(title="VPN is down")
    with transaction.atomic():
        [ticket] = lock_columns([made.pk], ("priority", "tags"))
        ticket.tags = ["vpn"]
        ticket.save()

    made.refresh_from_db()
    assert (made.title, made.tags) == ("VPN is down", ["vpn"])


def test_tickets_are_locked_in_the_order_of_their_ids() -> None:
    first, second = make_ticket(), make_ticket()

    with transaction.atomic():
        locked = lock_columns([second.pk, first.pk], ("version",))

    assert locked == [first, second]
    assert Ticket.objects.get(pk=first.pk)._state.db == locked[0]._state.db == "default"
