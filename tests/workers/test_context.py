"""The request id follows a piece of work, also when many requests led to it."""

import pytest

from tests.factories import make_ticket
from tickets.models import TicketEvent
from workers.context import current_request_id, current_request_ids, request_id

MANY = f"{'a' * 40},{'b' * 40}"


def test_a_row_keeps_the_id_of_one_request_and_messages_those_of_all() -> None:
    with request_id("a" * 64):
        assert (current_request_id(), current_request_ids()) == ("a" * 64, "a" * 64)
    with request_id(MANY):
        assert (current_request_id(), current_request_ids()) == ("", MANY)


@pytest.mark.django_db
def test_what_many_requests_led_to_opens_tickets_all_the_same() -> None:
    with request_id(MANY):
        make_ticket()

    assert TicketEvent.objects.get().request_id == ""
