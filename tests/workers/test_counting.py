from typing import Any

import pytest
from redis.exceptions import TimeoutError as RedisTimeout

from workers import counting
from workers.counting import Tally, counters


@pytest.fixture
def kind() -> Any:
    yield "test-counting"
    for key in counters().keys("*test-counting:*"):
        counters().delete(key)


def test_processes_count_together_each_window_anew(kind: str) -> None:
    one, other = Tally(kind), Tally(kind)

    assert one.add({"a": 2, "b": 1}, window=7, seconds=60) == [2, 1]
    assert other.add({"b": 1, "a": 1}, window=7, seconds=60) == [2, 3]
    assert one.add({"a": 1}, window=8, seconds=60) == [1]
    [key] = counters().keys(f"*{kind}:b:7")
    assert 60 < counters().ttl(key) <= 120


def test_without_the_counting_server_nobody_waits_for_it_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class Away:
        def pipeline(self, **_: Any) -> Any:
            return self

        def incrby(self, key: str, amount: int) -> None:
            asked.append(key)

        def expire(self, *_: Any) -> None: ...

        def execute(self) -> Any:
            raise RedisTimeout("Timeout reading from socket")

    monkeypatch.setattr(counting, "counters", Away)
    tally = Tally("test")

    assert [tally.add({"a": 1}, window=1, seconds=60) for _ in range(3)] == [None, None, None]
    assert len(asked) == 1
