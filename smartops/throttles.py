"""How much one client may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

log = structlog.get_logger("smartops.throttle")


class PerClientThrottle(SimpleRateThrottle):
    """A fixed window of requests per user, or per address for those who are not logged in.

    One counter in the cache, one round trip. When the cache is away, nobody is throttled: intake matters more.
    """

    scope = "client"
    duration: int
    num_requests: int

    def get_cache_key(self, request: Request, view: APIView) -> str:
        who = (
            request.user.pk
            if request.user and request.user.is_authenticated
            else self.get_ident(request)
        )
        return self.cache_format % {"scope": self.scope, "ident": who}

    def allow_request(self, request: Request, view: APIView) -> bool:
        now = self.timer()
        window = int(now // self.duration)
        key = f"{self.get_cache_key(request, view)}:{window}"
        try:
            count = self._count(key)
        except RedisError as error:
            log.debug("not throttled", error=type(error).__name__)
            return True
        self._left = (window + 1) * self.duration - now
        return bool(count <= self.num_requests)

    def wait(self) -> float:
        return float(self._left)

    def _count(self, key: str) -> int:
        """Requests in this window, this one included."""
        try:
            return int(cache.incr(key))
        except ValueError:  # the first one
            return 1 if cache.add(key, 1, self.duration) else int(cache.incr(key))
