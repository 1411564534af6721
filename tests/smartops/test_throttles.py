import pytest
from rest_framework.test import APIRequestFactory

from smartops.throttles import PerClientThrottle
from workers.counting import Tally


def test_a_client_may_ask_so_often_and_is_told_when_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PerClientThrottle, "rate", "2/min", raising=False)
    monkeypatch.setattr(PerClientThrottle, "timer", staticmethod(lambda: 60_000_045.0))
    monkeypatch.setattr(PerClientThrottle, "tally", Tally("test-throttle"))

    def ask(address: str) -> PerClientThrottle | None:
        throttle = PerClientThrottle()
        request = APIRequestFactory().get("/", REMOTE_ADDR=address)
        request.user = None  # type: ignore[assignment]
        return None if throttle.allow_request(request, None) else throttle  # type: ignore[arg-type]

    assert [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")] == [None, None, None]
    refused = ask("192.0.2.1")
    assert refused is not None
    assert refused.wait() == 15.0


def test_who_makes_addresses_up_is_still_one_client() -> None:
    def key(forwarded: str) -> str:
        request = APIRequestFactory().get(
            "/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded
        )
        request.user = None  # type: ignore[assignment]
        return PerClientThrottle().get_cache_key(request, None)  # type: ignore[arg-type]

    assert key("198.51.100.1") == key("198.51.100.2")
