"""How much one client may ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.throttling import SimpleRateThrottle

from workers.counting import Tally

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class PerClientThrottle(SimpleRateThrottle):
    """A fixed window of requests per user, or per address for those who are not logged in.

    When nobody counts, nobody is throttled.
    """

    scope = "client"
    tally = Tally("throttle")
    duration: int
    num_requests: int

    def get_cache_key(self, request: Request, view: APIView) -> str:
        who = (
            request.user.pk
            if request.user and request.user.is_authenticated
            else request.META.get("REMOTE_ADDR", "")  # X-Forwarded-For may be anybody's invention
        )
        return f"{self.scope}:{who}"

    def allow_request(self, request: Request, view: APIView) -> bool:
        now = self.timer()
        window = int(now // self.duration)
        key = self.get_cache_key(request, view)
        counts = self.tally.add({key: 1}, window=window, seconds=self.duration)
        if counts is None:
            return True
        self._left = (window + 1) * self.duration - now
        return counts[0] <= self.num_requests

    def wait(self) -> float:
        return float(self._left)
