"""Requests that wait for what becomes of their delivery: one question to the database for all of them."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections

from servers.services.deliveries import what_became
from workers import tracing

log = structlog.get_logger("servers.intake")
PAUSE: Final = 0.03  # seconds between two questions
MOST: Final = 100  # requests that may wait


class Outcome(NamedTuple):
    """How a delivery ended."""

    state: str  # done, failed
    results: Sequence[Mapping[str, Any]]
    error: str


class Outcomes:
    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="intake-outcomes")

    async def of(self, delivery: int, *, seconds: float) -> Outcome | None:
        """Return how it ended; None: it has not within `seconds`, or too many wait already."""
        if seconds <= 0 or len(self._waiting) >= MOST:
            return None
        found: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[delivery] = found
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(seconds):
                return await found
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(delivery, None)

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(PAUSE)
            ids = list(self._waiting)
            try:
                ended = await loop.run_in_executor(self._reader, _read, ids)
            except DatabaseError as error:
                log.warning("outcomes not read", error=type(error).__name__)
                continue
            for delivery, outcome in ended.items():
                waiting = self._waiting.get(delivery)
                if waiting is not None and not waiting.done():
                    waiting.set_result(outcome)


def _read(ids: Sequence[int]) -> dict[int, Outcome]:
    with tracing.quiet():
        close_old_connections()
        return {pk: Outcome(*told) for pk, told in what_became(ids).items()}
