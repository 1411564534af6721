"""The one writer of deliveries in a web process: what arrives while it commits goes into its next transaction."""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from django.db import Error as DatabaseError
from django.db import InterfaceError, close_old_connections, connection
from django.utils import timezone

from servers.gateway.keys import Known
from servers.services.deliveries import Body, record
from servers.services.limits import Allowance, note_limited, seconds_left
from workers import tracing
from workers.context import request_id

log = structlog.get_logger("servers.intake")
MOST_TOGETHER: Final = 200  # bodies in one transaction
MOST_BYTES: Final = 8 * 2**20  # of them
MOST_WAITING: Final = 64 * 2**20  # bytes that wait for the database: more are turned away
PATIENCE: Final = 10.0  # seconds that a request waits for its commit
TOLD_SECONDS: Final = 60.0  # a process says so often at most that an integration is limited


class Unavailable(Exception):
    """The body was not kept, or nobody knows whether it was: it must be sent again."""


@dataclass(frozen=True)
class Limited:
    """The body was not kept: its integration sent too much."""

    seconds: int  # until it may again


@dataclass(frozen=True)
class _Waiting:
    known: Known
    body: Body
    sender: str
    answer: asyncio.Future[int | Limited]


class Writer:
    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._arrived = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._allowance = Allowance()
        self._told: dict[int, float] = {}

    async def write(self, known: Known, body: Body, *, sender: str) -> int | Limited:
        """Return the delivery's id when it is committed.

        :raises Unavailable: the database is away, or behind.
        """
        answer: asyncio.Future[int | Limited] = asyncio.get_running_loop().create_future()
        with self._arrived:
            if self._bytes > MOST_WAITING:
                raise Unavailable
            self._waiting.append(_Waiting(known, body, sender, answer))
            self._bytes += len(body.body)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
                self._thread.start()
            self._arrived.notify()
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            raise Unavailable from None

    def close(self) -> None:
        """End its thread and connection, when what came has been written."""
        with self._arrived:
            self._closed = True
            self._arrived.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._waiting or self._closed)
                batch = self._next()
            if not batch:
                return connection.close()
            began = time.time_ns()
            alone = batch[0].body.request_id if len(batch) == 1 else ""
            with tracing.quiet(), request_id(alone):  # one statement for all of them
                answers = self._write(batch, timezone.now())
            tracing.mark((one.body.request_id for one in batch), "keep", began)
            with suppress(RuntimeError):  # the server has stopped, and with it whoever waited
                batch[0].answer.get_loop().call_soon_threadsafe(_tell, batch, answers)

    def _next(self) -> list[_Waiting]:
        """The next bodies: at least one, if any wait."""
        size = count = 0
        for one in self._waiting[:MOST_TOGETHER]:
            size += len(one.body.body)
            if count and size > MOST_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._bytes -= sum(len(one.body.body) for one in batch)
        return batch

    def _write(self, batch: Sequence[_Waiting], now: datetime) -> list[int | Limited | Unavailable]:
        allowed = self._allowance.take([(one.known.id, one.known.rate) for one in batch], now=now)
        kept = [one for one, may in zip(batch, allowed, strict=True) if may]
        try:
            close_old_connections()
            ids = iter(record(bodies=[one.body for one in kept], now=now) if kept else [])
        except (DatabaseError, InterfaceError) as error:
            log.warning("bodies not kept", count=len(kept), error=type(error).__name__)
            return [Unavailable()] * len(batch)
        except Exception:
            log.exception("bodies not kept", count=len(kept))
            return [Unavailable()] * len(batch)
        self._tell_owners([one for one, may in zip(batch, allowed, strict=True) if not may], now)
        return [next(ids) if may else Limited(seconds_left(now)) for may in allowed]

    def _tell_owners(self, limited: Sequence[_Waiting], now: datetime) -> None:
        for one in {one.known.id: one for one in limited}.values():
            if self._told.get(one.known.id, 0.0) < time.monotonic():
                self._told[one.known.id] = time.monotonic() + TOLD_SECONDS
                try:
                    note_limited(integration=one.known.id, sender=one.sender, now=now)
                except Exception:  # the others of the batch are kept, and must be told so
                    log.exception("an owner was not told", integration=one.known.id)


def _tell(batch: Sequence[_Waiting], answers: Sequence[Any]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if one.answer.done():
            continue  # its request was given up
        if isinstance(answer, Exception):
            one.answer.set_exception(answer)
        else:
            one.answer.set_result(answer)
