"""Sending work to the workers: after the commit, without ever making the caller wait.

A message only says "look at these rows". `enqueue` hands ids to a background thread that gathers what
other requests add meanwhile and publishes one message per 200 ids, so one message serves many tickets when there
are many, and a lone ticket hardly waits. If the broker is away, the circuit breaker drops messages for a few
seconds instead of blocking anybody; the sweep of the rows (`workers.leases`) sends them again.
"""

import atexit
import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import structlog
from celery import current_app
from django.db import transaction
from prometheus_client import Counter

from workers import tracing
from workers.context import HEADER, current_request_ids

log = structlog.get_logger("workers.dispatch")

CHUNK: Final = 200  # ids in one message
LEAD_SECONDS: Final = (
    0.01  # before a message after a quiet time: the request that woke us answers first
)
GATHER_SECONDS: Final = (
    0.05  # from one message to the next: the more go together, the less each costs
)
#: Ids that wait for a broker which does not answer. What comes then is left to the sweep.
MOST_WAITING: Final = 100_000
BREAKER_SECONDS: Final = 3.0  # how long publishing stays off after a failure
FLUSH_SECONDS: Final = 5.0  # how long a process that ends waits for its last messages

PUBLISHED = Counter("smartops_messages_published_total", "Messages handed to the broker", ["task"])
DROPPED = Counter(
    "smartops_messages_dropped_total", "Messages not sent, left to the sweep", ["task"]
)
_silent: Final = ContextVar("silent", default=False)


@contextmanager
def silence() -> Iterator[None]:
    """Send nothing meanwhile: the caller does all the work that it makes."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def enqueue(task_name: str, ids: Iterable[int]) -> None:
    """Ask for `task_name` to look at the rows `ids` once the surrounding transaction commits.

    Never raises and never blocks on the broker. The task must have a sweep.
    """
    wanted, request_id = list(ids), current_request_ids()
    if wanted and not _silent.get():
        transaction.on_commit(lambda: _publisher().put(task_name, wanted, request_id))


def enqueue_each(task_name: str, ids: Iterable[int]) -> None:
    """Like `enqueue`, with a message for each id: for rows that may harm their neighbours."""
    wanted, request_id = list(ids), current_request_ids()
    if wanted and not _silent.get():
        transaction.on_commit(lambda: _publisher().put(task_name, wanted, request_id, alone=True))


def chunks(ids: Sequence[int], size: int = CHUNK) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))


class Publisher:
    """One background thread per process that owns the connection to the broker."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._alone: list[tuple[str, int, str]] = []
        self._changed = threading.Condition()
        self._busy = False
        self._closed_until = 0.0  # monotonic time until which the breaker keeps publishing off
        threading.Thread(target=self._run, name="publisher", daemon=True).start()

    def put(self, task_name: str, ids: list[int], request_id: str, *, alone: bool = False) -> None:
        with self._changed:
            if self._count() + len(ids) > MOST_WAITING:
                DROPPED.labels(task_name).inc()
                return
            if alone:
                self._alone += [(task_name, pk, request_id) for pk in ids]
            else:
                self._waiting[task_name] += [(pk, request_id) for pk in ids]
            self._changed.notify_all()

    def _count(self) -> int:
        return len(self._alone) + sum(len(items) for items in self._waiting.values())

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until everything put so far has been published or dropped. False: time ran out."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._busy or self._waiting or self._alone), timeout=seconds
            )

    def _run(self) -> None:
        sent = 0.0
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._alone)
            time.sleep(max(LEAD_SECONDS, sent + GATHER_SECONDS - time.monotonic()))
            with self._changed:
                waiting, self._waiting = self._waiting, defaultdict(list)
                alone, self._alone = self._alone, []
                self._busy = True
            for task_name, items in waiting.items():
                for start in range(0, len(items), CHUNK):
                    self._publish(task_name, items[start : start + CHUNK])
            for task_name, pk, request_id in alone:
                self._publish(task_name, [(pk, request_id)])
            sent = time.monotonic()

    def _publish(self, task_name: str, items: list[tuple[int, str]]) -> None:
        if time.monotonic() < self._closed_until:
            DROPPED.labels(task_name).inc()
            return
        request_ids = ",".join(dict.fromkeys(request_id for _, request_id in items if request_id))
        signature = current_app.signature(
            task_name, kwargs={"ids": [pk for pk, _ in items]}, immutable=True
        )
        try:
            with tracing.sending(request_id for _, request_id in items if request_id):
                signature.apply_async(headers={HEADER: request_ids})
        except (
            Exception
        ) as error:  # whatever the transport raises: the rows stay, the sweep finds them
            self._closed_until = time.monotonic() + BREAKER_SECONDS
            DROPPED.labels(task_name).inc()
            log.warning("broker not reachable", task=task_name, error=type(error).__name__)
        else:
            PUBLISHED.labels(task_name).inc()


_current: Publisher | None = None
_lock = threading.Lock()


def _publisher() -> Publisher:
    global _current
    if _current is None:
        with _lock:
            _current = _current or Publisher()
    return _current


def flush(seconds: float = FLUSH_SECONDS) -> bool:
    """Wait for this process' messages to leave. Called when the process ends, and by tests."""
    return _current is None or _current.flush(seconds)


def _forget() -> None:
    global _current, _lock
    _current, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)  # threads do not survive a fork
atexit.register(flush)
