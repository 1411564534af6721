"""Days in time zones, and how a span is cut into what is counted."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.periods import EDGE, Span, days_of, period_of, pieces, zone_of

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"}))
TIMES = st.timedeltas(timedelta(0), timedelta(days=14_600)).map(
    lambda passed: datetime(2000, 1, 1, tzinfo=UTC) + passed
)


@given(TIMES, st.integers(1, 400), ZONES)
def test_days_follow_each_other_and_fill_the_period(now: datetime, days: int, name: str) -> None:
    period = period_of(now, days, ZoneInfo(name))
    found = days_of(period)

    assert len(found) == days
    assert found[0][1].start == period.now.start
    assert found[-1][1].end == period.now.end == now
    assert found[-1][0] == now.astimezone(period.zone).date()
    for (_, one), (_, other) in zip(found, found[1:], strict=False):
        assert one.end == other.start
        assert timedelta(0) <= one.end - one.start <= timedelta(hours=48)


@given(TIMES, st.integers(1, 400), ZONES)
def test_the_period_before_is_as_long_and_ends_where_this_one_begins(
    now: datetime, days: int, name: str
) -> None:
    period = period_of(now, days, ZoneInfo(name))

    assert period.before.end == period.now.start
    assert period.before.end - period.before.start == period.now.end - period.now.start


@given(TIMES, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_the_pieces_of_a_span_make_it_up_without_gap_or_overlap(
    start: datetime, length: timedelta
) -> None:
    span = Span(start, start + length)
    found = pieces(span)

    at = span.start
    for minutes, begins, ends in found:
        assert begins == at < ends
        if minutes != EDGE:
            for instant in (begins, ends):
                assert (instant - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(
                    minutes=minutes
                ) == timedelta(0)
        else:
            assert ends - begins < timedelta(hours=2)
        at = ends
    assert at == span.end or not found
    assert len(found) <= 5


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Africa/Cairo", date(2026, 4, 24), 23),  # its midnight is skipped
    ],
)
def test_a_day_on_which_clocks_change_is_shorter_or_longer(
    zone: str, day: date, hours: float
) -> None:
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=3)
    found = dict(days_of(period_of(now, 10, ZoneInfo(zone))))

    assert found[day].end - found[day].start == timedelta(hours=hours)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../UTC", "Europe", "a\0b", "/etc/passwd"])
def test_what_is_no_time_zone_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        zone_of(name)
