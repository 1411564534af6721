"""Pains 10 and 15: however many workers are nudged, a message leaves once."""

import threading
from collections import Counter
from typing import Any

import pytest

from sla import subscriptions
from sla.models import Channel, Notification
from sla.services.delivery import deliver
from tests.racing import at_once
from tests.sla.alerts import make_channel, tell
from tests.sla.receivers import hang, raw_server, receiver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def local_allowed(settings: Any) -> None:
    settings.OUTGOING_ALLOW = ["127.0.0.0/8", "hooks.example"]
    subscriptions.forget()


def test_workers_that_race_for_a_channel_send_each_message_once() -> None:
    with receiver(delay=0.005) as there:
        channel = make_channel(address=there.url)
        sent = tell(channel, 30)

        at_once(*[lambda: deliver(ids=[channel.pk])] * 4)

    counted = Counter(request.headers["webhook-id"] for request in there.requests)
    assert counted == {f"msg_{notification.pk}": 1 for notification in sent}
    assert set(Notification.objects.values_list("state", "attempts")) == {("sent", 1)}
    assert Channel.objects.get().lease_token is None


def test_pain_9_a_hanging_receiver_delays_no_other_channel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from workers import outgoing

    post = outgoing.post
    monkeypatch.setattr(outgoing, "post", lambda *a, **k: post(*a, **k, seconds=2.0))
    with raw_server(hang) as dead, receiver() as alive:
        slow = make_channel("slow", address=dead)
        quick = make_channel("quick", address=alive.url)
        tell(slow, 5)
        tell(quick, 20)
        done = threading.Event()

        def work_quickly() -> None:
            deliver(ids=[quick.pk])
            if not slow_done.is_set():
                done.set()

        slow_done = threading.Event()

        def work_slowly() -> None:
            deliver(ids=[slow.pk])
            slow_done.set()

        at_once(work_slowly, work_quickly)

    assert done.is_set()
    assert len(alive.requests) == 20
    assert Notification.objects.filter(channel=slow, state="retrying").count() == 1


def test_a_message_that_comes_while_a_worker_lets_go_is_not_left_to_the_sweep() -> None:
    with receiver(delay=0.02) as there:
        channel = make_channel(address=there.url)
        tell(channel, 3)
        stop = threading.Event()

        def send_more() -> None:
            for _ in range(10):
                tell(channel)
                deliver(ids=[channel.pk])  # what the nudge would do
            stop.set()

        at_once(lambda: deliver(ids=[channel.pk]), send_more)

    assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}
