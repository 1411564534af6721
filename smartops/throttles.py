"""How much one client may ask."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

log = structlog.get_logger("smartops.throttle")
#: Seconds for an answer, and for which a server that gave none is not asked again.
PATIENCE: Final = 0.5
REST: Final = 3.0


@cache
def counters() -> Redis:
    """The server that counts, for all threads. Django's cache would open a connection for each request here."""
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )


class PerClientThrottle(SimpleRateThrottle):
    """A fixed window of requests per user, or per address for those who are not logged in.

    One counter, one round trip. When the server is away, nobody is throttled: intake matters more.
    """

    scope = "client"
    duration: int
    num_requests: int
    _resting_until = 0.0  # monotonic; one value for the process

    def get_cache_key(self, request: Request, view: APIView) -> str:
        who = (
            request.user.pk
            if request.user and request.user.is_authenticated
            else self.get_ident(request)
        )
        return f"{settings.REDIS_PREFIX}throttle:{self.scope}:{who}"

    def allow_request(self, request: Request, view: APIView) -> bool:
        if time.monotonic() < PerClientThrottle._resting_until:
            return True
        now = self.timer()
        window = int(now // self.duration)
        try:
            count = self._count(f"{self.get_cache_key(request, view)}:{window}")
        except RedisError as error:
            PerClientThrottle._resting_until = time.monotonic() + REST
            log.warning("not throttled", error=type(error).__name__)
            return True
        self._left = (window + 1) * self.duration - now
        return count <= self.num_requests

    def wait(self) -> float:
        return float(self._left)

    def _count(self, key: str) -> int:
        """Requests in this window, this one included."""
        count = int(counters().incr(key))
        if count == 1:
            counters().expire(key, self.duration)
        return count
