"""Pages by priority: every ticket once, forwards and back, whatever arrives meanwhile."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tests.conftest import NOON
from tests.factories import make_ticket
from tickets import urgency
from tickets.models import Ticket


def read(client: APIClient, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.fixture
def many(db: None) -> list[int]:
    """Eleven tickets, of which three share their moment, in the order of the list; one has no priority yet."""
    for number in range(11):
        at = NOON - timedelta(minutes=number // 3)
        make_ticket(priority=1 + number % 3, at=NOON, opened_at=at)
    make_ticket()
    rows = Ticket.objects.filter(priority__isnull=False).values_list("priority", "opened_at", "pk")
    return [pk for _, _, pk in sorted(rows, key=lambda r: (r[0], -r[1].timestamp(), -r[2]))]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 10, 11, 50])
def test_every_page_goes_on_where_the_last_one_ended_and_back(
    api: APIClient, many: list[int], size: int
) -> None:
    address = f"/api/v1/tickets/?ordering=priority&page_size={size}"
    pages, seen = [], []
    while address:
        page = read(api, address)
        pages.append([ticket["id"] for ticket in page["results"]])
        seen += pages[-1]
        last, address = page, page["next"]
    assert seen == many

    back = []
    while last["previous"]:
        last = read(api, last["previous"])
        back.append([ticket["id"] for ticket in last["results"]])
    assert back == pages[:-1][::-1]


def test_what_arrives_meanwhile_moves_nothing(api: APIClient, many: list[int]) -> None:
    page = read(api, "/api/v1/tickets/?ordering=priority&page_size=4")
    make_ticket(priority=1)

    assert [t["id"] for t in read(api, page["next"])["results"]] == many[4:8]


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
def test_a_cursor_that_no_page_gave_out_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        urgency.decode(text)


@given(
    st.booleans(),
    st.integers(1, 4),
    st.datetimes(timezones=st.just(UTC)),  # as the database says it
    st.integers(1, 2**62),
)
@settings(max_examples=50)
def test_a_cursor_says_where_a_page_begins(back: bool, priority: int, at: Any, pk: int) -> None:
    place = urgency.Place(back, priority, at, pk)

    assert urgency.decode(urgency.encode(place)) == place


@pytest.mark.parametrize("cursor", ["x", "WzEsMiwzLDRd", "bnVsbA==", "é"])
def test_the_list_answers_a_wrong_cursor_with_404(api: APIClient, db: None, cursor: str) -> None:
    answer = api.get("/api/v1/tickets/", {"ordering": "priority", "cursor": cursor})

    assert answer.status_code == 404
