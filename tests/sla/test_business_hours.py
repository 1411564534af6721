"""Time that counts: slots, holidays, days on which clocks change. Pains 1 and 20 of users of other desks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sla.business_hours import BusinessHours, NeverOpen, Stretch
from sla.document import DAYS, Calendar, Holiday
from tests.sla.calendars import calendars, instants, lengths

WEEKDAYS = DAYS[:5]
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def hours(zone: str = "Europe/Berlin", slots: str = "09:00-17:00", **more: object) -> BusinessHours:
    week = {day: slots.split() for day in more.pop("days", WEEKDAYS)}  # type: ignore[attr-defined]
    return BusinessHours(Calendar.model_validate({"time_zone": zone, "hours": week, **more}))


def local(zone: str, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def berlin(text: str, fold: int = 0) -> datetime:
    return local("Europe/Berlin", text, fold)


def test_without_hours_all_time_counts() -> None:
    always = BusinessHours(Calendar())
    start = berlin("2026-03-28 12:00")
    assert always.between(start, start + 48 * HOUR) == 48 * HOUR
    assert always.add(start, 48 * HOUR) == start + 48 * HOUR


def test_nights_and_weekends_do_not_count_pain_1() -> None:
    office = hours()
    friday, monday = berlin("2026-03-06 16:40"), berlin("2026-03-09 09:10")
    assert office.between(friday, monday) == 30 * MINUTE


def test_a_target_across_a_weekend_is_due_on_monday_pain_1() -> None:
    assert hours().add(berlin("2026-03-06 16:40"), HOUR) == berlin("2026-03-09 09:40")


def test_what_is_due_at_closing_time_is_not_due_at_the_next_opening() -> None:
    assert hours().add(berlin("2026-03-06 16:40"), 20 * MINUTE) == berlin("2026-03-06 17:00")


def test_several_slots_a_day_count_without_the_break_pain_1() -> None:
    shop = hours(slots="09:00-12:30 13:30-18:00")
    start = berlin("2026-03-03 12:00")
    assert shop.between(start, berlin("2026-03-03 14:00")) == HOUR
    assert shop.add(start, HOUR) == berlin("2026-03-03 14:00")


def test_a_week_in_which_only_monday_is_open_pain_1() -> None:
    office = hours(days=("mon",))
    assert office.add(berlin("2026-03-02 16:00"), 2 * HOUR) == berlin("2026-03-09 10:00")


def test_holidays_dated_yearly_and_of_the_country_do_not_count_pain_1() -> None:
    christmas = hours(
        country="DE",
        holidays=[
            Holiday(date="2026-12-28", name="Stocktaking"),
            Holiday(date="12-24", name="Eve"),
        ],
    )
    # 24 Dec the yearly one, 25 Dec of the country, 26-27 a weekend, 28 Dec the dated one.
    assert christmas.add(berlin("2026-12-23 16:00"), 2 * HOUR) == berlin("2026-12-29 10:00")
    assert christmas.holiday(berlin("2026-12-24 12:00").date()) == "Eve"
    assert christmas.holiday(berlin("2027-12-24 12:00").date()) == "Eve"
    assert christmas.holiday(berlin("2026-12-28 12:00").date()) == "Stocktaking"
    assert not christmas.holiday(berlin("2027-12-28 12:00").date())
    assert christmas.holiday(berlin("2026-12-25 12:00").date())


def test_a_state_has_holidays_that_its_country_has_not() -> None:
    reformation = berlin("2025-10-31 12:00").date()
    assert hours(country="DE", subdivision="BB").holiday(reformation)
    assert not hours(country="DE", subdivision="BE").holiday(reformation)


def test_holidays_are_days_off_also_where_all_hours_count() -> None:
    always = BusinessHours(Calendar(time_zone="Europe/Berlin", holidays=[Holiday(date="05-01")]))
    start = berlin("2026-04-30 23:00")
    assert always.between(start, berlin("2026-05-02 01:00")) == 2 * HOUR
    assert always.add(start, 2 * HOUR) == berlin("2026-05-02 01:00")


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_when_clocks_change_has_23_or_25_hours_pain_20(day: str, length: int) -> None:
    open_all_day = hours(slots="00:00-24:00", days=DAYS)
    midnight = berlin(f"{day} 00:00")
    next_midnight = midnight + length * HOUR
    assert open_all_day.between(midnight, next_midnight) == length * HOUR
    assert open_all_day.add(midnight, length * HOUR) == next_midnight
    assert next_midnight.astimezone(ZoneInfo("Europe/Berlin")).hour == 0


@pytest.mark.parametrize(("day", "counted"), [("2026-03-29", 3), ("2026-10-25", 5)])
def test_a_slot_across_the_change_is_an_hour_shorter_or_longer_pain_20(
    day: str, counted: int
) -> None:
    night = hours(slots="01:00-05:00", days=DAYS)
    assert night.between(berlin(f"{day} 00:00"), berlin(f"{day} 12:00")) == counted * HOUR


def test_opening_hours_stay_at_local_time_when_clocks_change_pain_20() -> None:
    office = hours()
    friday, monday = berlin("2026-03-27 16:00"), berlin("2026-03-30 10:00")
    assert monday - friday == 65 * HOUR  # not 66
    assert office.between(friday, monday) == 2 * HOUR
    assert office.add(friday, 2 * HOUR) == monday


@pytest.mark.parametrize(
    ("slots", "minutes"),
    [("01:00-02:30", 60), ("02:30-04:00", 60), ("02:10-02:50", 0), ("02:00-03:00", 0)],
)
def test_a_slot_edge_in_the_skipped_hour_is_at_the_jump_pain_20(slots: str, minutes: int) -> None:
    night = hours(slots=slots, days=("sun",))
    assert night.between(berlin("2026-03-29 00:00"), berlin("2026-03-29 12:00")) == minutes * MINUTE


@pytest.mark.parametrize(
    ("slots", "minutes"),
    [("01:00-02:30", 90), ("02:30-04:00", 150), ("02:10-02:50", 40), ("02:00-03:00", 120)],
)
def test_a_slot_edge_in_the_repeated_hour_is_at_its_first_occurrence_pain_20(
    slots: str, minutes: int
) -> None:
    night = hours(slots=slots, days=("sun",))
    assert night.between(berlin("2026-10-25 00:00"), berlin("2026-10-25 12:00")) == minutes * MINUTE


def test_a_change_of_half_an_hour_counts_half_an_hour_pain_20() -> None:
    lord_howe = hours(zone="Australia/Lord_Howe", slots="00:00-24:00", days=DAYS)
    spring = local("Australia/Lord_Howe", "2026-10-04 00:00")
    autumn = local("Australia/Lord_Howe", "2026-04-05 00:00")
    for start, length in ((spring, 23.5), (autumn, 24.5)):
        end = start + length * HOUR
        assert end.astimezone(ZoneInfo("Australia/Lord_Howe")).time().isoformat() == "00:00:00"
        assert lord_howe.between(start, end) == length * HOUR


def test_a_day_that_begins_at_one_oclock_has_23_hours_pain_20() -> None:
    sao_paulo = hours(zone="America/Sao_Paulo", slots="00:00-24:00", days=DAYS)
    start = local("America/Sao_Paulo", "2017-10-14 12:00")
    assert sao_paulo.between(start, local("America/Sao_Paulo", "2017-10-16 00:00")) == 35 * HOUR
    assert [s.start.isoformat()[:16] for s in sao_paulo.stretches(start, start + 24 * HOUR)] == [
        "2017-10-14T15:00",
        "2017-10-15T03:00",
    ]


def test_a_day_that_a_country_skipped_has_no_hours_pain_20() -> None:
    apia = hours(zone="Pacific/Apia", slots="09:00-17:00", days=DAYS)
    thursday = local("Pacific/Apia", "2011-12-29 16:00")
    saturday = local("Pacific/Apia", "2011-12-31 10:00")
    assert saturday - thursday == 18 * HOUR
    assert apia.between(thursday, saturday) == 2 * HOUR
    assert apia.add(thursday, 2 * HOUR) == saturday
    assert sum((s.end - s.start for s in apia.stretches(thursday, saturday)), 0 * HOUR) == 18 * HOUR


def test_a_day_starts_once_where_clocks_went_back_across_midnight_pain_20() -> None:
    # At 00:01 of 7 November 2010 it became 23:01 of the 6th.
    zone = "America/St_Johns"
    office = hours(zone=zone, days=DAYS)
    again = local(zone, "2010-11-06 23:30", fold=1)
    opens, closes = local(zone, "2010-11-07 09:00"), local(zone, "2010-11-07 17:00")
    assert list(office.stretches(again, closes)) == [
        Stretch(again, opens, False, "closed"),
        Stretch(opens, closes, True, ""),
    ]
    assert office.between(again, closes) == 8 * HOUR


def test_a_calendar_whose_holidays_cover_everything_never_opens() -> None:
    mondays = hours(
        days=("mon",),
        holidays=[
            Holiday(date=f"{day:%Y-%m-%d}")
            for day in (datetime(2026, 3, 2, tzinfo=UTC) + timedelta(7 * n) for n in range(530))
        ],
    )
    start = berlin("2026-03-02 10:00")
    with pytest.raises(NeverOpen, match="24x7"):
        mondays.add(start, HOUR)
    assert mondays.between(start, start + 100 * HOUR) == 0 * HOUR
    assert [s.open for s in mondays.stretches(start, start + HOUR)] == [False]


def test_nothing_counts_when_the_end_is_not_later() -> None:
    start = berlin("2026-03-03 12:00")
    assert hours().between(start, start) == 0 * HOUR
    assert hours().between(start, start - HOUR) == 0 * HOUR
    assert list(hours().stretches(start, start)) == []
    assert hours().add(start, 0 * HOUR) == start


@given(calendars(), instants(), lengths(), lengths())
def test_splitting_an_interval_changes_nothing(
    calendar: Calendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    business, middle = BusinessHours(calendar), start + first
    end = middle + second
    assert business.between(start, end) == business.between(start, middle) + business.between(
        middle, end
    )


@given(calendars(), instants(), lengths(), lengths())
def test_adding_in_two_parts_is_adding_at_once(
    calendar: Calendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    business = BusinessHours(calendar)
    if first and second:
        assert business.add(business.add(start, first), second) == business.add(
            start, first + second
        )


@given(calendars(), instants(), lengths())
def test_what_is_added_lies_between_and_not_a_moment_earlier(
    calendar: Calendar, start: datetime, amount: timedelta
) -> None:
    business = BusinessHours(calendar)
    end = business.add(start, amount)
    assert business.between(start, end) == amount
    if amount:
        assert business.between(start, end - timedelta(microseconds=1)) < amount


@given(calendars(), instants(), lengths())
@example(
    Calendar(time_zone="America/St_Johns", hours={"sat": [(0, 1440)], "sun": [(600, 900)]}),
    datetime(2010, 11, 7, 3, tzinfo=UTC),
    3 * HOUR,
)
def test_stretches_cut_the_time_without_a_gap_and_their_open_ones_are_what_counts(
    calendar: Calendar, start: datetime, length: timedelta
) -> None:
    business, end = BusinessHours(calendar), start + length
    stretches = list(business.stretches(start, end))
    edges = [start, *(s.end for s in stretches)]
    assert edges[:-1] == [s.start for s in stretches]
    assert edges[-1] == end
    assert all(s.start < s.end and s.open == (s.why == "") for s in stretches)
    counted = sum((s.end - s.start for s in stretches if s.open), timedelta(0))
    assert counted == business.between(start, end)


@given(st.data(), calendars())
def test_the_same_calendar_asked_twice_gives_the_same(
    data: st.DataObject, calendar: Calendar
) -> None:
    business = BusinessHours(calendar)
    start, length = data.draw(instants()), data.draw(lengths())
    fresh = BusinessHours(calendar).between(start, start + length)
    business.add(data.draw(instants()), data.draw(lengths()))
    assert business.between(start, start + length) == fresh
