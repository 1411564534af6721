"""Which state follows from what is said about a server."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.checks.assessing import Limits, Seen, assess
from servers.checks.judging import Signal, Standing, advance, still_counts, way, worst
from servers.lifecycle import MOVES, State
from tests.servers.fleet import NOON

WELL, SLOW, BAD = State.RUNNING, State.DEGRADED, State.FAILED
LIMITS = Limits(status_min=200, status_max=299, max_milliseconds=500, min_tls_days=14)


def said(state: State, *, cause: str = "check", at: datetime = NOON) -> Signal:
    return Signal(cause, state, at, "")


def after(*outcomes: State, bad: int = 2, good: int = 1) -> State | None:
    standing = Standing()
    for outcome in outcomes:
        standing = advance(standing, outcome, bad=bad, good=good)
    return standing.verdict


@pytest.mark.parametrize(
    ("seen", "outcome", "reason"),
    [
        (Seen(20, 200), WELL, ""),
        (Seen(20, 204, 90), WELL, ""),
        (Seen(20, 301), BAD, "answered 301, expected 200–299"),
        (Seen(20, 500), BAD, "answered 500, expected 200–299"),
        (Seen(501, 200), SLOW, "answered in 501 ms, limit 500 ms"),
        (Seen(20, None, 13), SLOW, "the certificate ends in 13 days"),
        (
            Seen(1200, 200, 3),
            SLOW,
            "the certificate ends in 3 days and answered in 1,200 ms, limit 500 ms",
        ),
        (Seen(error="no answer within 10 seconds"), BAD, "no answer within 10 seconds"),
    ],
)
def test_a_look_means(seen: Seen, outcome: State, reason: str) -> None:
    assert assess(seen, LIMITS) == (outcome, reason)


def test_one_bad_result_alone_changes_nothing() -> None:
    assert after(WELL, BAD) is WELL
    assert after(WELL, BAD, WELL, BAD) is WELL
    assert after(WELL, BAD, BAD) is BAD


def test_good_results_end_it_after_as_many_as_asked_for() -> None:
    assert after(BAD, BAD, WELL) is WELL
    assert after(BAD, BAD, WELL, good=2) is BAD
    assert after(BAD, BAD, WELL, WELL, good=2) is WELL


def test_nothing_counts_before_enough_results_came() -> None:
    assert after(BAD) is None
    assert after(WELL, good=3) is None


@given(st.lists(st.sampled_from([WELL, SLOW, BAD])), st.integers(1, 4), st.integers(1, 4))
def test_a_verdict_is_an_outcome_that_came_often_enough_in_a_row(
    outcomes: list[State], bad: int, good: int
) -> None:
    verdict, run, before = None, 0, None
    for outcome in outcomes:
        run = run + 1 if outcome is before else 1
        before = outcome
        if run >= (good if outcome is WELL else bad):
            verdict = outcome

    assert after(*outcomes, bad=bad, good=good) is verdict


def test_the_worst_wins_and_among_equals_what_was_said_last() -> None:
    signals = [said(WELL), said(SLOW), said(WELL, cause="heartbeat")]

    assert worst(signals, trigger="heartbeat") == said(SLOW)
    both = [said(WELL), said(WELL, cause="heartbeat")]
    assert worst(both, trigger="heartbeat") == both[1]
    assert worst(both, trigger="check") == both[0]
    assert worst([], trigger="check") is None


@pytest.mark.parametrize(
    ("verdict", "state", "counts"),
    [
        (WELL, State.BOOTING, False),  # it must be heard after its boot
        (BAD, State.BOOTING, False),
        (WELL, WELL, True),
        (SLOW, WELL, False),  # a person brought it back
        (BAD, WELL, False),
        (BAD, SLOW, False),
        (SLOW, SLOW, True),
        (WELL, BAD, True),
        (BAD, BAD, True),
    ],
)
def test_what_was_said_before_a_state_began(verdict: State, state: State, counts: bool) -> None:
    earlier = NOON - timedelta(seconds=1)

    assert still_counts(verdict, earlier, state=state, since=NOON) is counts
    assert still_counts(verdict, NOON, state=state, since=NOON)


@given(st.sampled_from([s for s in State if s is not State.STOPPED]), st.sampled_from(State))
def test_every_way_is_of_moves_that_the_lifecycle_allows(state: State, wanted: State) -> None:
    if wanted is State.STOPPED:
        return
    for to in way(state, wanted):
        assert to in MOVES[state]
        state = to
    assert state is wanted
