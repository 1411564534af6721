"""The hub of the live feed, and the nudge, with a real database and a real Redis."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from sla.feed import hub as hubs
from sla.feed.application import _Socket
from sla.feed.hub import AT_ONCE, KEPT, Behind, Follower, Hub
from sla.feed.login import Credential
from sla.services import feed
from tests.factories import make_escalation, make_ticket
from tickets.models import Department

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = Credential("token", "secret-text")


def play(scene: Callable[[Hub], Awaitable[Any]]) -> Any:
    """Run `scene` in an event loop of a thread of its own, where the ORM may be asked from other threads."""
    from concurrent.futures import ThreadPoolExecutor

    async def run() -> Any:
        hub = Hub()
        try:
            return await asyncio.wait_for(scene(hub), 30)
        finally:
            for follower in list(hub.followers):
                hub.leave(follower)
            for pool in (hub._reader, hub._people):
                await asyncio.get_running_loop().run_in_executor(pool, close_connection)
                pool.shutdown()

    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, run()).result()


def close_connection() -> None:
    from django.db import connection

    connection.close()


async def in_thread(job: Callable[[], Any]) -> Any:
    def run() -> Any:
        try:
            return job()
        finally:
            close_connection()

    return await asyncio.to_thread(run)


def listeners() -> int:
    with Redis.from_url(settings.REDIS_URL) as redis:
        return int(redis.pubsub_numsub(feed.CHANNEL)[0][1])


async def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_a_nudge_is_enough_without_waiting_for_the_next_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hubs, "POLL_SECONDS", 3600.0)

    async def scene(hub: Hub) -> None:
        await hub.join(Follower(NOBODY, frozenset()))
        await until(lambda: listeners() == 1)
        await asyncio.sleep(0.2)
        made = await in_thread(make_escalation)
        assert hub.last_id < made.pk
        await in_thread(feed.nudge_feed)
        await until(lambda: hub.last_id == made.pk)

    play(scene)


def test_the_hub_runs_only_while_somebody_follows() -> None:
    async def scene(hub: Hub) -> None:
        for steps in range(200):  # some are gone in the midst of connecting to Redis
            follower = Follower(NOBODY, frozenset())
            await hub.join(follower)
            for _ in range(steps % 40):
                await asyncio.sleep(0)
            hub.leave(follower)
        await until(lambda: not any("Hub." in repr(task) for task in asyncio.all_tasks()))
        await until(lambda: listeners() == 0)

    play(scene)


def test_who_joins_gets_from_memory_what_came_before() -> None:
    first, second = make_escalation(), make_escalation()
    make_escalation(skipped=True)

    async def scene(hub: Hub) -> None:
        await hub.join(Follower(NOBODY, frozenset()))
        assert [alert.id for alert in hub.after(0)] == [first.pk, second.pk]
        assert [alert.id for alert in hub.after(first.pk)] == [second.pk]
        assert hub.last_id == second.pk

    play(scene)


def test_who_falls_out_of_memory_is_dropped_and_others_are_not() -> None:
    ticket = make_ticket()

    def write(start: int, count: int) -> None:
        for level in range(start, start + count):
            make_escalation(ticket, level=level)

    async def scene(hub: Hub) -> None:
        slow, quick, reading_old_ones = (Follower(NOBODY, frozenset()) for _ in range(3))
        for follower in (slow, quick, reading_old_ones):
            await hub.join(follower)
        slow.place = quick.place = hub.last_id
        await in_thread(lambda: write(1, 40))
        await hub.read()
        quick.place = hub.last_id
        await in_thread(lambda: write(41, 50))
        await hub.read()
        assert slow.dropped.result() == 4408
        assert not quick.dropped.done()
        assert not reading_old_ones.dropped.done()
        assert len(hub.alerts) == 60
        assert len(hub.after(quick.place)) == AT_ONCE
        with pytest.raises(Behind):
            hub.after(slow.place)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hubs, "KEPT", 60)
        play(scene)
    assert KEPT == 1000


def test_an_after_that_is_pages_ahead_of_this_process_repeats_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hubs, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(hubs, "PAGE", 2)

    async def scene(hub: Hub) -> None:
        follower = Follower(NOBODY, frozenset())
        await hub.join(follower)
        await until(lambda: listeners() == 1)
        await asyncio.sleep(0.2)
        made = await in_thread(lambda: [make_escalation().pk for _ in range(5)])
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(json.loads(message["text"]))

        assert await _Socket(hub, follower, send)._begin(made[-1]) == made[-1]
        assert sent == [{"type": "hello", "last_id": made[-1]}]

    play(scene)


def test_alerts_name_the_departments_of_then_and_of_now() -> None:
    then, now = (Department.objects.create(name=name) for name in ("Then", "Now"))
    ticket = make_ticket()
    make_escalation(ticket, department_id=then.pk)
    type(ticket).objects.filter(pk=ticket.pk).update(department=now)

    async def scene(hub: Hub) -> None:
        await hub.join(Follower(NOBODY, frozenset()))
        [alert] = hub.after(0)
        for hidden, seen in (((), True), ((then.pk,), False), ((now.pk,), False)):
            assert Follower(NOBODY, frozenset(hidden)).may_see(alert) is seen

    play(scene)


def test_a_credential_shows_its_secret_to_nobody() -> None:
    assert "secret-text" not in f"{NOBODY} {NOBODY!r} {[NOBODY]}"


def test_a_nudge_never_raises_and_rests_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.5)
    monkeypatch.setattr(feed, "_publisher", lambda: away)
    monkeypatch.setattr(feed, "_resting_until", 0.0)
    feed.nudge_feed()
    assert feed._resting_until > time.monotonic()
    monkeypatch.setattr(feed, "_publisher", lambda: pytest.fail("asked again too soon"))
    feed.nudge_feed()
