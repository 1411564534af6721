"""Publishing: gathered, never in the way, and never a reason for an error."""

import os
import subprocess
import sys
import threading
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


@pytest.mark.django_db(transaction=True)
def test_who_does_the_work_that_he_makes_sends_nothing(sent: Sent) -> None:
    with dispatch.silence():
        dispatch.enqueue("a.task", [1])
        dispatch.enqueue_each("a.task", [2])
    dispatch.enqueue("a.task", [3])

    assert dispatch.flush()
    assert [message["ids"] for message in sent] == [[3]]


def test_what_no_broker_takes_is_not_gathered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    sending, held, sends = threading.Event(), threading.Event(), list[int]()

    def signature(name: str, *, kwargs: dict[str, Any], immutable: bool) -> Any:
        class Message:
            def apply_async(self, **_: Any) -> None:
                sends.append(len(kwargs["ids"]))
                sending.set()
                assert held.wait(20)  # a broker that is frozen

        return Message()

    def dropped() -> float:
        return float(dispatch.DROPPED.labels("a.frozen")._value.get())

    monkeypatch.setattr(current_app, "signature", signature)
    monkeypatch.setattr(dispatch, "MOST_WAITING", 100)
    publisher, before = dispatch.Publisher(), dropped()
    publisher.put("a.frozen", [1], "r")
    assert sending.wait(10)

    publisher.put("a.frozen", list(range(99)), "r")
    publisher.put("a.frozen", [1], "r", alone=True)
    publisher.put("a.frozen", [2], "r")
    held.set()

    assert publisher.flush()
    assert sorted(sends) == [1, 1, 99]
    assert dropped() - before == 1


@pytest.mark.parametrize("module", ["smartops.celery", "smartops.beat"])
def test_nobody_waits_for_ever_for_rabbitmq_to_confirm_a_message(module: str) -> None:
    """What is sent says so; tests/live/test_rabbitmq.py freezes a real one."""
    code = f"""
import django; django.setup()
from importlib import import_module
app, told = import_module({module!r}).app, []

class Producer:
    def publish(self, *_, **given):
        told.append(given["confirm_timeout"])
    auto_declare = False

app.amqp.send_task_message(Producer(), "a.task", app.amqp.as_task_v2("1", "a.task"), queue="default", retry=False)
print(told)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "smartops.settings"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[5.0]", done.stderr
