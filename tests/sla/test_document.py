"""Policies as data: what is written is read again, and what cannot be is refused."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sla.defaults import DOCUMENT
from sla.document import DAYS, TIERS, Calendar, Holiday, Level, PolicyDocument, Targets
from sla.durations import LONGEST, parse_duration, show_duration

lengths = st.integers(1, int(LONGEST.total_seconds())).map(lambda s: timedelta(seconds=s))


@given(lengths)
def test_a_length_of_time_is_read_as_it_is_shown(length: timedelta) -> None:
    assert parse_duration(show_duration(length)) == length


@given(st.floats(0.01, 5_000_000) | st.text("0123456789.dhms ", max_size=12) | st.text())
def test_what_is_read_can_be_shown_and_read_again(given_value: Any) -> None:
    try:
        length = parse_duration(given_value)
    except ValueError:
        return
    assert parse_duration(show_duration(length)) == length


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("30", 30), (30, 30), ("1.5h", 90), ("1d 12h", 2160), ("2 hours 5 min", 125), ("90 s", 1.5)],
)
def test_lengths_are_read_as_people_write_them(text: Any, minutes: float) -> None:
    assert parse_duration(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text",
    ["", "3 months", "5 ms", "-3", 0, "0", True, None, "1h1", "9" * 30, float("nan"), "4000d"],
)
def test_what_is_no_length_of_time_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is not a length of time|at least a second"):
        parse_duration(text)


minutes_of_day = st.integers(0, 1440)


@st.composite
def slots(draw: st.DrawFn) -> list[tuple[int, int]]:
    marks = sorted(draw(st.sets(minutes_of_day, max_size=8)))
    return list(zip(marks[::2], marks[1::2], strict=False))


calendars = st.builds(
    lambda hours, days: Calendar(
        name="C",
        time_zone="Europe/Berlin",
        hours=hours if any(hours.values()) else {},
        holidays=[Holiday(date=day) for day in days],
    ),
    st.dictionaries(st.sampled_from(DAYS), slots()),
    st.lists(st.dates().map(str) | st.sampled_from(["12-24", "02-29"]), max_size=5),
)
targets = st.builds(Targets, first_response=st.none() | lengths, resolution=st.none() | lengths)
documents = st.builds(
    PolicyDocument,
    calendar=calendars,
    departments=st.lists(st.sampled_from(["HR", "Finance"]), unique=True),
    tiers=st.dictionaries(
        st.sampled_from(TIERS),
        st.dictionaries(st.integers(1, 4), targets, min_size=1),
        min_size=1,
    ),
    levels=st.lists(st.floats(1, 1000), unique=True, max_size=5).map(
        lambda percents: [Level(at=percent) for percent in sorted(percents)]
    ),
    acknowledgement=lengths,
)


@given(documents)
def test_a_stored_document_says_the_same_when_it_is_read_again(document: PolicyDocument) -> None:
    stored = document.canonical()

    assert PolicyDocument.model_validate(stored) == document
    assert PolicyDocument.model_validate(stored).canonical() == stored


@given(slots())
def test_a_days_slots_are_the_same_on_one_line_and_in_a_list(day: list[tuple[int, int]]) -> None:
    shown = [f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in day]
    if not shown:
        return
    assert Calendar(hours={"mon": ", ".join(shown)}) == Calendar(hours={"mon": shown[::-1]})


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ({"mon": ["09:00-08:00"]}, "must end after it starts"),
        ({"mon": "09:00-12:00, 11:00-13:00"}, "must not overlap"),
        ({"mon": "9-17"}, "not a time of day"),
        ({"mon": "25:00-26:00"}, "not a time of day"),
        ({"mon": []}, "At least one day"),
        ({"mon-wed": "09:00-10:00", "tue": "10:00-11:00"}, "tue is named twice"),
        ({"mon": [[0, 9000]]}, "less than or equal to 1440"),
    ],
)
def test_hours_that_cannot_be_are_refused_with_the_reason(hours: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Calendar(hours=hours)


@pytest.mark.parametrize("day", ["2026-02-30", "13-01", "20261224", "W52-4", "tomorrow", ""])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(ValidationError, match="is not a day"):
        Holiday(date=day)


def test_a_calendar_that_never_opens_is_refused() -> None:
    days = [Holiday(date=str(date(2025, 1, 1) + timedelta(n))[5:]) for n in range(365)]
    assert Calendar(holidays=days[1:])
    with pytest.raises(ValidationError, match="it would never open"):
        Calendar(holidays=days)


def test_a_text_with_a_nul_character_is_refused_before_the_database_would() -> None:
    with pytest.raises(ValidationError, match="NUL"):
        PolicyDocument.model_validate({**DOCUMENT.canonical(), "departments": ["a\0b"]})


def test_the_default_policy_has_targets_for_every_ticket_and_answers_before_it_resolves() -> None:
    for tier in TIERS:
        for priority in range(1, 5):
            row = DOCUMENT.targets(tier, priority)
            assert row is not None
            assert row.first_response is not None
            assert row.resolution is not None
            assert row.first_response <= (row.next_update or row.resolution) <= row.resolution
