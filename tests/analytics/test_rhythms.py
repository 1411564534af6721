"""When reports fall due, and about which days they are."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.rhythms import Days, Every, Rhythm

BERLIN = "Europe/Berlin"
RHYTHMS = st.builds(
    Rhythm,
    st.sampled_from(Every),
    st.integers(0, 6),
    st.integers(0, 23),
    st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Pacific/Apia", "Africa/Cairo"]),
)
MOMENTS = st.integers(1_230_000_000, 1_900_000_000).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_daily_report_is_about_the_day_before() -> None:
    daily = Rhythm(Every.DAY, 0, 7, BERLIN)

    due, period = daily.newest_due(at("2026-03-03T07:00+01:00"))
    earlier, _ = daily.newest_due(at("2026-03-03T06:59+01:00"))

    assert due == at("2026-03-03T07:00+01:00")
    assert (period.first, period.last) == (date(2026, 3, 2), date(2026, 3, 2))
    assert period.starts_at == at("2026-03-02T00:00+01:00")
    assert earlier == at("2026-03-02T07:00+01:00")


def test_a_weekly_report_is_about_the_seven_days_before_its_day() -> None:
    weekly = Rhythm(Every.WEEK, 0, 7, "UTC")

    due, period = weekly.newest_due(at("2026-03-04T12:00+00:00"))

    assert due == at("2026-03-02T07:00+00:00")
    assert (period.first, period.last) == (date(2026, 2, 23), date(2026, 3, 1))
    assert period.before() == Days(date(2026, 2, 16), date(2026, 2, 23), "UTC")


def test_a_monthly_report_is_about_the_month_before() -> None:
    monthly = Rhythm(Every.MONTH, 0, 7, "UTC")

    due, period = monthly.newest_due(at("2026-03-01T06:00+00:00"))

    assert due == at("2026-02-01T07:00+00:00")
    assert (period.first, period.last) == (date(2026, 1, 1), date(2026, 1, 31))
    assert period.before() == Days(date(2025, 12, 1), date(2026, 1, 1), "UTC")


def test_a_day_on_which_the_clocks_change_is_longer_or_shorter() -> None:
    spring = Days(date(2026, 3, 29), date(2026, 3, 30), BERLIN)

    assert spring.ends_at - spring.starts_at == timedelta(hours=23)
    due, _ = Rhythm(Every.DAY, 0, 2, BERLIN).newest_due(at("2026-03-29T12:00+02:00"))
    assert due == at("2026-03-29T03:00+02:00")  # there is no 2 o'clock


@given(RHYTHMS, MOMENTS)
def test_the_newest_due_is_over_and_none_is_left_out(rhythm: Rhythm, now: datetime) -> None:
    due, period = rhythm.newest_due(now)

    assert period.ends_at <= due <= now
    previous, earlier = rhythm.newest_due(due - timedelta(seconds=1))
    assert previous < due
    assert earlier.end == period.first
    assert earlier == period.before()
    assert rhythm.newest_due(due) == (due, period)


@given(RHYTHMS, MOMENTS)
def test_the_newest_whole_period_is_over(rhythm: Rhythm, now: datetime) -> None:
    period = rhythm.newest_whole(now)

    assert period.ends_at <= now
    assert period.end <= now.astimezone(ZoneInfo(rhythm.time_zone)).date()


@pytest.mark.parametrize(
    ("first", "end", "words"),
    [
        (date(2026, 3, 2), date(2026, 3, 3), "Monday, 2 March 2026"),
        (date(2026, 2, 23), date(2026, 3, 2), "23 February to 1 March 2026"),
        (date(2025, 12, 29), date(2026, 1, 5), "29 December 2025 to 4 January 2026"),
        (date(2026, 2, 1), date(2026, 3, 1), "February 2026"),
    ],
)
def test_a_period_in_words(first: date, end: date, words: str) -> None:
    assert Days(first, end, "UTC").in_words() == words
