"""How much may be sent, and who hears of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from servers.services.limits import EPISODE, Allowance, note_limited, seconds_left
from tests.factories import NOON, make_user
from tests.servers.intake import make_sender
from tickets.models import Ticket
from workers.counting import counters

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    counters().flushdb()
    yield
    counters().flushdb()


def test_each_integration_has_its_own_allowance_each_minute() -> None:
    asked = [(1, 2), (2, 1), (1, 2), (1, 2), (2, 1)]

    assert Allowance().take(asked, now=NOON) == [True, True, True, False, False]
    # Another process counts on.
    assert Allowance().take([(1, 2), (3, 1)], now=NOON) == [False, True]
    assert Allowance().take([(1, 2)], now=NOON + timedelta(minutes=1)) == [True]


def test_the_allowance_comes_back_with_the_next_minute() -> None:
    assert seconds_left(NOON) == 60
    assert seconds_left(NOON + timedelta(seconds=59)) == 1


def test_the_first_limited_request_of_an_episode_opens_one_ticket() -> None:
    integration, _ = make_sender(owner=make_user("olga", "Agent"))

    def note(after: timedelta) -> int | None:
        return note_limited(integration=integration.pk, sender="192.0.2.7", now=NOON + after)

    first = note(timedelta(0))
    assert first == Ticket.objects.get().pk
    assert note(EPISODE / 2) is None
    assert note(EPISODE * 1.4) is None  # it goes on: 0.9 episodes since the last
    assert note(EPISODE * 2.5) not in (None, first)
    assert Ticket.objects.count() == 2


def test_without_an_owner_or_with_one_who_left_the_ticket_is_opened_all_the_same() -> None:
    left = make_user("left", "Agent")
    left.is_active = False
    left.save(update_fields=["is_active"])
    for name, owner in (("a", None), ("b", left)):
        integration, _ = make_sender(name, owner=owner)
        assert note_limited(integration=integration.pk, sender="x", now=NOON) is not None

    assert set(Ticket.objects.values_list("assignee", flat=True)) == {None}


def test_an_integration_that_was_deleted_meanwhile_opens_nothing() -> None:
    assert note_limited(integration=4711, sender="x", now=NOON) is None
