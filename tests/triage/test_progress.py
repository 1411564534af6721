from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOON
from triage.progress import Progress

COUNTS = st.integers(0, 2_000_000)
PROGRESSES = st.builds(
    Progress, pending=COUNTS, running=COUNTS, done=COUNTS, failed=COUNTS, recent=COUNTS
)


@given(PROGRESSES, COUNTS)
def test_a_batch_is_at_100_percent_exactly_when_nothing_is_left(
    progress: Progress, total: int
) -> None:
    percent = progress.percent(total)

    assert 0 <= percent <= 100
    assert (percent == 100) == (progress.left(total) == 0)


@given(PROGRESSES, COUNTS, st.integers(0, 10_000))
def test_the_time_left_is_never_negative_and_none_only_without_a_pace(
    progress: Progress, total: int, age: int
) -> None:
    started_at = NOON - timedelta(seconds=age)

    seconds = progress.seconds_left(total, started_at=started_at, now=NOON)

    if progress.left(total) == 0:
        assert seconds == 0
    elif progress.recent == 0:
        assert seconds is None
    else:
        assert seconds is not None
        assert seconds >= 1


def test_the_pace_is_that_of_the_last_minute() -> None:
    progress = Progress(pending=1200, done=5000, recent=600)

    old, young = NOON - timedelta(hours=1), NOON - timedelta(seconds=10)

    assert progress.seconds_left(6200, started_at=old, now=NOON) == 120
    assert progress.seconds_left(6200, started_at=young, now=NOON) == 20
