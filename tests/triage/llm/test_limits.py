from hypothesis import given
from hypothesis import strategies as st

from triage.llm.limits import (
    BREAK_AFTER,
    LONGEST_REST,
    LONGEST_RETRY_AFTER,
    Gate,
    refilled,
    rest_after,
    wait,
)


def test_an_open_gate_lets_through_up_to_the_number_of_calls() -> None:
    assert wait(Gate(), running=1, most=2, per_minute=0) == 0
    assert wait(Gate(), running=2, most=2, per_minute=0) > 0
    assert wait(Gate(closed_for=12.5), running=0, most=2, per_minute=0) == 12.5


def test_without_tokens_nobody_asks_until_the_bucket_holds_some() -> None:
    assert wait(Gate(allowance=1), running=0, most=2, per_minute=600) == 0
    assert wait(Gate(allowance=-99), running=0, most=2, per_minute=600) == 10
    assert refilled(-99, 10, 600) == 1


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(1, 10**6))
def test_a_bucket_never_holds_more_than_a_minutes_worth(
    allowance: float, elapsed: float, per_minute: int
) -> None:
    assert refilled(allowance, elapsed, per_minute) <= per_minute
    assert refilled(None, elapsed, per_minute) == per_minute


@given(st.integers(1, 10_000))
def test_the_breaker_opens_after_some_failures_and_never_for_long(failures: int) -> None:
    rest = rest_after(failures, retry_after=None, certain=False)

    assert (rest > 0) == (failures >= BREAK_AFTER)
    assert rest <= LONGEST_REST
    assert rest <= rest_after(failures + 1, retry_after=None, certain=False)


def test_a_certain_failure_opens_it_at_once_and_retry_after_is_kept_within_reason() -> None:
    assert rest_after(1, retry_after=None, certain=True) == 30
    assert rest_after(1, retry_after=7, certain=False) == 7
    assert rest_after(1, retry_after=10**9, certain=False) == LONGEST_RETRY_AFTER
