"""Requests counted in fixed windows of time, for all processes together. Who counts may be away: then nobody is
limited, for taking work in matters more."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import structlog
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from workers.connecting import redis

log = structlog.get_logger("workers.counting")
PATIENCE: Final = 0.5  # seconds for an answer of the server that counts
REST: Final = 3.0  # and for which it is not asked again when it gave none


@cache
def counters() -> Redis:
    """The server that counts, for all threads. Django's cache would open a connection for each request here."""
    return redis(socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)


class Tally:
    """Counts of one kind, such as `intake`. One object a process, so that all of it rests together."""

    def __init__(self, kind: str) -> None:
        self._prefix = f"{settings.REDIS_PREFIX}{kind}:"
        self._resting_until = 0.0  # monotonic

    def add(self, amounts: Mapping[Any, int], *, window: int, seconds: int) -> list[int] | None:
        """Add to the counts of the `window` that has this number and lasts for `seconds`: one round trip.

        Returns them, in the order of `amounts`; None: nobody counts.
        """
        if time.monotonic() < self._resting_until:
            return None
        pipeline = counters().pipeline(transaction=False)
        for who, amount in amounts.items():
            key = f"{self._prefix}{who}:{window}"
            pipeline.incrby(key, amount)
            pipeline.expire(key, 2 * seconds)
        try:
            return [int(total) for total in pipeline.execute()[::2]]
        except RedisError as error:
            self._resting_until = time.monotonic() + REST
            log.warning("nobody is limited", error=type(error).__name__)
            return None
