"""Publishing: gathered, never in the way, and never a reason for an error."""

import time
from typing import Any

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from workers import dispatch
from workers.context import HEADER, request_id


class Sent(list[dict[str, Any]]):
    """What would have gone to the broker."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    box = Sent()

    def signature(name: str, *, kwargs: dict[str, Any], immutable: bool) -> Any:
        class Message:
            def apply_async(self, **options: Any) -> None:
                time.sleep(0.01)  # a broker takes its time: others gather meanwhile
                box.append({"name": name, **kwargs, "request_ids": options["headers"][HEADER]})

        return Message()

    monkeypatch.setattr(current_app, "signature", signature)
    monkeypatch.setattr(dispatch, "_current", None)
    return box


def test_what_gathers_meanwhile_goes_in_one_message(sent: Sent) -> None:
    publisher = dispatch.Publisher()
    for pk in range(1, 60):
        publisher.put("a.task", [pk], f"r{pk}")

    assert publisher.flush()
    assert sorted(pk for message in sent for pk in message["ids"]) == list(range(1, 60))
    assert len(sent) <= 3
    assert "r59" in sent[-1]["request_ids"].split(",")


def test_no_message_carries_more_than_two_hundred_ids(sent: Sent) -> None:
    publisher = dispatch.Publisher()
    publisher.put("a.task", list(range(450)), "r")

    publisher.flush()
    assert sorted(len(message["ids"]) for message in sent) == [50, 200, 200]


def test_rows_that_may_harm_their_neighbours_travel_alone(sent: Sent) -> None:
    publisher = dispatch.Publisher()
    publisher.put("a.task", [1, 2, 3], "r", alone=True)

    publisher.flush()
    assert [message["ids"] for message in sent] == [[1], [2], [3]]


def test_a_broker_that_is_away_raises_nothing_and_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = []

    def signature(*_: Any, **__: Any) -> Any:
        class Message:
            def apply_async(self, **_: Any) -> None:
                tries.append(1)
                raise OperationalError("away")

        return Message()

    monkeypatch.setattr(current_app, "signature", signature)
    publisher = dispatch.Publisher()
    for pk in range(3):
        publisher.put("a.task", [pk], "")
        publisher.flush()

    assert len(tries) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_for_a_transaction_that_was_rolled_back(sent: Sent) -> None:
    def fails() -> None:
        with transaction.atomic():
            dispatch.enqueue("a.task", [2])
            raise RuntimeError

    with request_id("r1"), transaction.atomic():
        dispatch.enqueue("a.task", [1])
    with pytest.raises(RuntimeError):
        fails()

    assert dispatch.flush()
    assert [message["ids"] for message in sent] == [[1]]
    assert sent[0]["request_ids"] == "r1"
