"""The request id follows a piece of work, also when many requests led to it."""

import pytest

from tests.factories import make_ticket
from tickets.models import TicketEvent
from workers.context import current_request_id, current_request_ids, new_request_id, request_id
from workers.tracing import trace_id_of

MANY = f"{'a' * 40},{'b' * 40}"


def test_a_row_keeps_the_id_of_one_request_and_messages_those_of_all() -> None:
    with request_id("a" * 64):
        assert (current_request_id(), current_request_ids()) == ("a" * 64, "a" * 64)
    with request_id(MANY):
        assert (current_request_id(), current_request_ids()) == ("", MANY)


def test_a_sampler_by_ratio_takes_its_part_of_our_ids() -> None:
    """OpenTelemetry's looks at the lower half: what lies under the ratio's part of it is sampled."""
    lower = [trace_id_of(new_request_id()) % 2**64 for _ in range(10_000)]

    for ratio in (0.1, 0.5, 0.9):
        assert abs(sum(one < ratio * 2**64 for one in lower) - ratio * 10_000) < 300


@pytest.mark.django_db
def test_what_many_requests_led_to_opens_tickets_all_the_same() -> None:
    with request_id(MANY):
        make_ticket()

    assert TicketEvent.objects.get().request_id == ""
