import pytest
from redis.exceptions import TimeoutError as RedisTimeout
from rest_framework.test import APIRequestFactory

from smartops import throttles
from smartops.throttles import PerClientThrottle


def test_without_the_counting_server_nobody_waits_for_it_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class Away:
        def incr(self, key: str) -> int:
            asked.append(key)
            raise RedisTimeout("Timeout reading from socket")

    monkeypatch.setattr(throttles, "counters", Away)
    monkeypatch.setattr(PerClientThrottle, "_resting_until", 0.0)
    monkeypatch.setattr(PerClientThrottle, "rate", "1/min", raising=False)
    request = APIRequestFactory().get("/")
    request.user = None  # type: ignore[assignment]

    answers = [PerClientThrottle().allow_request(request, None) for _ in range(3)]  # type: ignore[arg-type]

    assert answers == [True, True, True]
    assert len(asked) == 1
