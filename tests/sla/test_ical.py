"""Holidays from iCalendar files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla.ical import MOST_BYTES, MOST_DAYS, NotACalendar, read_holidays


def ics(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{event.strip()}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n{body}END:VCALENDAR\r\n"


def days(*events: str) -> list[str]:
    return [holiday.date for holiday in read_holidays(ics(*events)).holidays]


def test_an_all_day_event_is_a_holiday_with_its_name() -> None:
    found = read_holidays(
        ics(
            "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261226\r\nSUMMARY:Christmas\\, day 1"
        )
    )

    [holiday] = found.holidays
    assert (holiday.date, holiday.name, found.skipped) == ("2026-12-25", "Christmas, day 1", [])


def test_an_event_over_several_days_is_a_holiday_on_each() -> None:
    assert days("DTSTART;VALUE=DATE:20261230\r\nDTEND;VALUE=DATE:20270102") == [
        "2026-12-30",
        "2026-12-31",
        "2027-01-01",
    ]
    assert days("DTSTART;VALUE=DATE:20261230\r\nDURATION:P2D") == ["2026-12-30", "2026-12-31"]


@pytest.mark.parametrize(
    "rule",
    ["FREQ=YEARLY", "FREQ=YEARLY;INTERVAL=1;BYMONTH=12;BYMONTHDAY=25", "FREQ=YEARLY;WKST=MO"],
)
def test_an_event_of_every_year_is_yearly(rule: str) -> None:
    assert days(f"DTSTART;VALUE=DATE:20201225\r\nRRULE:{rule}") == ["12-25"]


def test_a_repetition_that_ends_gives_the_days_until_then() -> None:
    wanted = ["2024-12-25", "2025-12-25"]
    start = "DTSTART;VALUE=DATE:20241225\r\nRRULE:FREQ=YEARLY;"

    assert days(start + "COUNT=2") == wanted
    assert days(start + "UNTIL=20260101") == wanted
    assert days("DTSTART;VALUE=DATE:20240229\r\nRRULE:FREQ=YEARLY;COUNT=5") == [
        "2024-02-29",
        "2028-02-29",
    ]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("DTSTART:20261225T090000Z\r\nSUMMARY:Call", "Call: it is not an all-day event."),
        ("SUMMARY:Nothing", "Nothing: it is not an all-day event."),
        ("DTSTART;VALUE=DATE:20261225\r\nSTATUS:CANCELLED", "holiday: it is cancelled."),
        ("DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=WEEKLY", "repeats otherwise"),
        ("DTSTART;VALUE=DATE:20261226\r\nRRULE:FREQ=YEARLY;BYDAY=4TH", "repeats otherwise"),
        ("DTSTART;VALUE=DATE:20261226\r\nRRULE:FREQ=YEARLY;INTERVAL=2", "repeats otherwise"),
        ("DTSTART;VALUE=DATE:20200101\r\nDTEND;VALUE=DATE:20260101", "longer than a year"),
    ],
)
def test_what_is_no_holiday_is_skipped_and_named(event: str, reason: str) -> None:
    found = read_holidays(ics(event, "DTSTART;VALUE=DATE:20260101\r\nSUMMARY:New Year"))

    assert [holiday.date for holiday in found.holidays] == ["2026-01-01"]
    if "4TH" not in event:
        assert reason in found.skipped[0]


@pytest.mark.parametrize(
    "text",
    ["", "hello", "BEGIN:VCALENDAR", "BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "x" * (MOST_BYTES + 1)],
)
def test_what_is_no_calendar_is_refused(text: str) -> None:
    with pytest.raises(NotACalendar):
        read_holidays(text)


def test_more_days_than_a_calendar_holds_are_refused() -> None:
    events = [
        f"DTSTART;VALUE=DATE:{2000 + n}0101\r\nDURATION:P365D" for n in range(MOST_DAYS // 365 + 2)
    ]
    with pytest.raises(NotACalendar, match="more than 5,000"):
        read_holidays(ics(*events))


LINES = st.lists(
    st.sampled_from(
        ["DTSTART;VALUE=DATE:20261225", "DTSTART:20261225T000000", "DTEND;VALUE=DATE:2026", "RRULE:",
         "RRULE:FREQ=YEARLY;COUNT=x", "RRULE:FREQ=YEARLY;UNTIL=20300101T000000Z", "DURATION:P1Y",
         "DURATION:-P1D", "SUMMARY:\x07", "BEGIN:VALARM", "END:VEVENT", "DTSTART;VALUE=DATE:99991231",
         "DTSTART;TZID=Nowhere:20260101T000000", "RRULE:FREQ=YEARLY;COUNT=-3", "RRULE:FREQ=YEARLY;COUNT=3"]
    )
    | st.text(max_size=30),
    max_size=6,
)  # fmt: skip


@given(LINES)
def test_whatever_a_file_holds_it_is_read_or_refused(lines: list[str]) -> None:
    try:
        found = read_holidays(ics("\r\n".join(lines)))
    except NotACalendar:
        return
    assert all(len(holiday.date) in (5, 10) for holiday in found.holidays)
