"""The one reader of alerts in a web process. Everybody who follows the feed reads on from its memory.

It keeps the newest alerts in a list, and each follower remembers how far it has read: no queues, no copies.
Whoever falls further behind than the list reaches is dropped and may come back with `?after=`.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from prometheus_client import Gauge
from redis.exceptions import RedisError

from sla.alerts import Alert, alerts_after, alerts_between
from sla.feed.login import Credential, NotAllowed, hidden_from
from sla.services.feed import CHANNEL
from workers import tracing
from workers.connecting import async_redis

log = structlog.get_logger("sla.feed")
POLL_SECONDS: Final = 2.0  # without a nudge
PAGE: Final = 500  # alerts in one query
KEPT: Final = 2 * PAGE  # alerts that a follower may be behind
AT_ONCE: Final = 20  # alerts that a follower is sent before others have their turn
REDIS_REST: Final = 2.0  # seconds before a server that went away is tried again

NO_LOGIN: Final = 4401
TOO_SLOW: Final = 4408

_ALL: Final = 2**63 - 1
FOLLOWERS = Gauge("smartops_feed_followers", "Open sockets of the live feed")
Answer = TypeVar("Answer")


class Behind(Exception):
    """The follower's place is no longer in memory."""


class Follower:
    """One open socket, as the hub sees it."""

    def __init__(self, credential: Credential, hidden: frozenset[int]) -> None:
        self.credential = credential
        self.hidden = hidden
        #: The id of the last alert that it was sent; at first it gets what is not in memory.
        self.place = _ALL
        #: With the code of the closing when the hub has dropped it.
        self.dropped: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def may_see(self, alert: Alert) -> bool:
        return self.hidden.isdisjoint(alert.departments)

    def drop(self, code: int) -> None:
        if not self.dropped.done():
            self.dropped.set_result(code)


class Hub:
    def __init__(self) -> None:
        self.followers: set[Follower] = set()
        self.alerts: list[Alert] = []
        self.floor = 0  # every alert later than this is in `alerts`
        self.last_id = 0
        self.news = asyncio.Event()  # set, and replaced, when alerts come in
        self._nudged = asyncio.Event()
        self._reading = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="feed")
        # Apart from the reader: a thousand people who come back at once must not hold up the alerts.
        self._people = ThreadPoolExecutor(1, thread_name_prefix="feed-people")

    async def look_up(self, credential: Credential) -> frozenset[int]:
        return await _in(self._people, lambda: hidden_from(credential))

    async def missed(
        self, after: int, last: int, hidden: frozenset[int]
    ) -> tuple[list[Alert], int]:
        """What is no longer in memory: see `alerts_between`."""
        return await _in(
            self._people, lambda: alerts_between(after, last, most=KEPT, hidden=hidden)
        )

    async def join(self, follower: Follower) -> None:
        """Let `follower` in; from now on `after` finds for it every alert later than `last_id`.

        :raises DatabaseError: nothing could be read.
        """
        async with self._reading:
            if not self._tasks:
                newest = await _in(self._reader, lambda: alerts_between(0, _ALL, most=KEPT))
                self.alerts, self.floor = newest
                self.last_id = self.alerts[-1].id if self.alerts else 0
                jobs = (self._read_on(), self._listen(), self._look_again())
                self._tasks = [asyncio.create_task(job) for job in jobs]
            self.followers.add(follower)
            FOLLOWERS.set(len(self.followers))

    def leave(self, follower: Follower) -> None:
        self.followers.discard(follower)
        FOLLOWERS.set(len(self.followers))
        if not self.followers:
            for task in self._tasks:
                task.cancel()
            self._tasks.clear()

    def after(self, last_id: int) -> list[Alert]:
        """The next alerts later than `last_id`, in order: as many as a follower is sent at once.

        :raises Behind: the memory begins later than that.
        """
        if last_id < self.floor:
            raise Behind
        first = bisect_right(self.alerts, last_id, key=lambda alert: alert.id)
        return self.alerts[first : first + AT_ONCE]

    async def read(self) -> bool:
        """Read the next page of alerts. Returns whether there may be more."""
        async with self._reading:
            last_id = self.last_id
            page = await _in(self._reader, lambda: alerts_after(last_id, most=PAGE))
            if not page:
                return False
            self.alerts += page
            self.last_id = page[-1].id
            if surplus := self.alerts[:-KEPT]:
                self.floor = surplus[-1].id
                del self.alerts[: len(surplus)]
                for follower in self.followers:
                    if follower.place < self.floor:
                        follower.drop(TOO_SLOW)
            news, self.news = self.news, asyncio.Event()
            news.set()
            return len(page) == PAGE

    async def _read_on(self) -> None:
        """Read whenever there is a nudge, and every few seconds without one."""
        while True:
            self._nudged.clear()
            try:
                while await self.read():
                    # Who takes what it is sent has been sent this page before the next one comes.
                    for _ in range(2 * PAGE // AT_ONCE):
                        await asyncio.sleep(0)
            except DatabaseError as error:  # it restarts; the rows wait
                log.warning("alerts not read", error=type(error).__name__)
            except Exception:  # whatever it is, the next row may be a good one
                log.exception("alerts not read")
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._nudged.wait()

    async def _listen(self) -> None:
        """Wait for nudges. Without Redis the feed goes on by polling."""
        here: Any = asyncio.current_task()
        with tracing.quiet():
            await self._heed(here)

    async def _heed(self, here: Any) -> None:
        while not here.cancelling():  # while it connects, the client swallows a cancellation
            try:
                async with (
                    async_redis(health_check_interval=10) as redis,
                    redis.pubsub(ignore_subscribe_messages=True) as channel,
                ):
                    await channel.subscribe(CHANNEL)
                    self._nudged.set()  # for what came in while nobody listened
                    while not here.cancelling():
                        if await channel.get_message(timeout=15):
                            self._nudged.set()
            except (RedisError, OSError) as error:
                log.warning("no nudges for the feed", error=type(error).__name__)
                await asyncio.sleep(REDIS_REST)

    async def _look_again(self) -> None:
        """Drop who has lost the login or the role, and learn what others may see by now."""
        while True:
            await asyncio.sleep(settings.FEED_RECHECK_SECONDS)
            same: dict[Credential, list[Follower]] = defaultdict(list)
            for follower in self.followers:
                same[follower.credential].append(follower)
            for credential, followers in same.items():
                try:
                    hidden = await self.look_up(credential)
                except NotAllowed:
                    for follower in followers:
                        follower.drop(NO_LOGIN)
                except DatabaseError as error:
                    log.warning("followers not looked at", error=type(error).__name__)
                    break
                else:
                    for follower in followers:
                        follower.hidden = hidden


async def _in(pool: ThreadPoolExecutor, ask: Callable[[], Answer]) -> Answer:
    """Ask the database in a thread, over a connection that is not known to be dead."""

    def run() -> Answer:
        with tracing.quiet():
            close_old_connections()
            return ask()

    loop: Any = asyncio.get_running_loop()
    answer: Answer = await loop.run_in_executor(pool, run)
    return answer
