"""A clock's ledger: what was counted, when it runs out, and why. Pains 1, 2, 4 and 20 of users of other desks."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sla.business_hours import BusinessHours, NeverOpen
from sla.deadline import Entry, Kind, NoStart, Span, counted, explain, reaches, spans
from sla.document import DAYS, Calendar, Holiday
from tests.sla.calendars import calendars, instants, lengths

HOUR, MINUTE, NOTHING = timedelta(hours=1), timedelta(minutes=1), timedelta(0)
MOMENT = timedelta(microseconds=1)
OFFICE = BusinessHours(
    Calendar(
        time_zone="Europe/Berlin",
        hours={day: [(540, 1020)] for day in DAYS[:5]},
        holidays=[Holiday(date="2026-10-05", name="Founders' day")],
    )
)
ALWAYS = BusinessHours(Calendar())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


def ledger(**moments: str) -> list[Entry]:
    """`pause2=...` is a second pause."""
    return [Entry(at(text), Kind(name.rstrip("0123456789"))) for name, text in moments.items()]


def told(entries: list[Entry], until: str) -> list[tuple[str, str, int, str]]:
    zone = ZoneInfo("Europe/Berlin")
    return [
        (
            f"{e.start.astimezone(zone):%a %H:%M}",
            f"{e.end.astimezone(zone):%a %H:%M}",
            e.counted // MINUTE,
            e.why,
        )
        for e in explain(entries, OFFICE, at(until))
    ]


# --- examples ---------------------------------------------------------------------------------
def test_a_deadline_across_a_weekend_is_explained_stretch_by_stretch_pain_1() -> None:
    opened = ledger(start="2026-03-06 16:40")
    assert reaches(opened, OFFICE, HOUR) == at("2026-03-09 09:40")
    assert told(opened, "2026-03-09 09:40") == [
        ("Fri 16:40", "Fri 17:00", 20, "counted"),
        ("Fri 17:00", "Sat 00:00", 0, "closed"),
        ("Sat 00:00", "Sun 00:00", 0, "closed"),
        ("Sun 00:00", "Mon 00:00", 0, "closed"),
        ("Mon 00:00", "Mon 09:00", 0, "closed"),
        ("Mon 09:00", "Mon 09:40", 40, "counted"),
    ]


def test_a_holiday_is_named_in_the_explanation_pain_1() -> None:
    opened = ledger(start="2026-10-02 16:00")
    assert reaches(opened, OFFICE, 2 * HOUR) == at("2026-10-06 10:00")
    assert ("Mon 00:00", "Tue 00:00", 0, "Founders' day") in told(opened, "2026-10-06 10:00")


def test_waiting_moves_the_deadline_by_the_business_time_waited_pain_2() -> None:
    waited = ledger(start="2026-03-03 10:00", pause="2026-03-03 11:00", resume="2026-03-04 10:30")
    assert counted(waited, OFFICE, at("2026-03-04 10:30")) == HOUR
    assert reaches(waited, OFFICE, 4 * HOUR) == at("2026-03-04 13:30")
    assert told(waited, "2026-03-04 11:00") == [
        ("Tue 10:00", "Tue 11:00", 60, "counted"),
        ("Tue 11:00", "Wed 10:30", 0, "on hold"),
        ("Wed 10:30", "Wed 11:00", 30, "counted"),
    ]


def test_another_target_keeps_every_pause_pain_2() -> None:
    """The deadline is computed from the ledger, so a new priority's target has the same hold time in it."""
    waited = ledger(start="2026-03-03 10:00", pause="2026-03-03 11:00", resume="2026-03-03 15:00")
    slow, quick = reaches(waited, OFFICE, 5 * HOUR), reaches(waited, OFFICE, 2 * HOUR)
    assert (slow, quick) == (at("2026-03-04 11:00"), at("2026-03-03 16:00"))


def test_a_clock_on_hold_has_no_deadline_unless_it_passed_before_pain_2() -> None:
    on_hold = ledger(start="2026-03-03 10:00", pause="2026-03-03 11:00")
    assert reaches(on_hold, OFFICE, 4 * HOUR) is None
    assert reaches(on_hold, OFFICE, HOUR) == at("2026-03-03 11:00")
    assert counted(on_hold, OFFICE, at("2026-03-09 11:00")) == HOUR


def test_hold_time_outside_business_hours_is_not_subtracted_twice_pain_4() -> None:
    """On hold from Friday evening to Monday morning: closed anyway, so nothing changes."""
    opened = ledger(start="2026-03-06 16:00")
    waited = [*opened, *ledger(pause="2026-03-06 17:30", resume="2026-03-09 08:00")]
    assert reaches(waited, OFFICE, 4 * HOUR) == reaches(opened, OFFICE, 4 * HOUR)


def test_hold_time_counts_once_however_many_holds_there_were_pain_4() -> None:
    waited = ledger(
        start="2026-03-03 09:00",
        pause="2026-03-03 10:00", resume="2026-03-03 11:00",
        pause2="2026-03-03 12:00", resume2="2026-03-03 14:00",
        pause3="2026-03-03 16:00", resume3="2026-03-04 10:00",
    )  # fmt: skip
    assert counted(waited, OFFICE, at("2026-03-04 11:00")) == 5 * HOUR
    assert reaches(waited, OFFICE, 8 * HOUR) == at("2026-03-04 14:00")


@pytest.mark.parametrize(("day", "next_day"), [("03-29", "03-30"), ("10-25", "10-26")])
def test_a_day_with_23_or_25_hours_is_counted_as_long_as_it_is_pain_20(
    day: str, next_day: str
) -> None:
    open_all_day = BusinessHours(
        Calendar(time_zone="Europe/Berlin", hours={day: [(0, 1440)] for day in DAYS})
    )
    start, end = at(f"2026-{day} 00:00"), at(f"2026-{next_day} 00:00")
    length = 23 * HOUR if day == "03-29" else 25 * HOUR
    opened = [Entry(start, Kind.START)]
    assert counted(opened, open_all_day, end) == end - start == length
    assert reaches(opened, open_all_day, length) == end


def test_a_stopped_clock_counts_no_further() -> None:
    answered = ledger(start="2026-03-03 10:00", stop="2026-03-03 11:30")
    assert counted(answered, OFFICE, at("2026-03-20 10:00")) == 90 * MINUTE
    assert reaches(answered, OFFICE, 90 * MINUTE) == at("2026-03-03 11:30")
    assert reaches(answered, OFFICE, 91 * MINUTE) is None
    assert told(answered, "2026-03-20 10:00") == [("Tue 10:00", "Tue 11:30", 90, "counted")]


def test_entries_before_the_start_are_taken_as_at_the_start_and_those_after_the_stop_ignored() -> (
    None
):
    entries = ledger(
        pause="2026-03-03 09:00",
        start="2026-03-03 10:00",
        resume="2026-03-03 11:00",
        stop="2026-03-03 12:00",
        pause2="2026-03-03 13:00",
    )
    assert spans(entries) == [
        Span(at("2026-03-03 10:00"), at("2026-03-03 11:00"), False),
        Span(at("2026-03-03 11:00"), at("2026-03-03 12:00"), True),
    ]


def test_a_pause_and_a_resume_at_one_instant_cancel_each_other() -> None:
    entries = ledger(start="2026-03-03 10:00", resume="2026-03-03 11:00", pause="2026-03-03 11:00")
    assert spans(entries) == [Span(at("2026-03-03 10:00"), None, True)]


def test_a_clock_that_starts_on_hold_runs_from_its_resume() -> None:
    entries = ledger(start="2026-03-03 10:00", pause="2026-03-03 10:00", resume="2026-03-03 12:00")
    assert reaches(entries, OFFICE, HOUR) == at("2026-03-03 13:00")


def test_a_clock_stopped_as_it_starts_has_no_spans() -> None:
    assert spans(ledger(start="2026-03-03 10:00", stop="2026-03-03 10:00")) == []
    assert spans(ledger(start="2026-03-03 10:00", stop="2026-03-03 09:00")) == []


@pytest.mark.parametrize("starts", [0, 2])
def test_a_ledger_has_exactly_one_start(starts: int) -> None:
    entries = [Entry(at("2026-03-03 10:00"), Kind.START)] * starts
    with pytest.raises(NoStart, match=f"not {starts}"):
        spans(entries)


def test_a_calendar_that_never_opens_has_no_deadline_and_says_so() -> None:
    days = (datetime(2026, 3, 3, tzinfo=UTC) + timedelta(n) for n in range(3700))
    never = BusinessHours(
        Calendar(name="Closed", holidays=[Holiday(date=f"{day:%Y-%m-%d}") for day in days])
    )
    opened = ledger(start="2026-03-03 10:00")
    with pytest.raises(NeverOpen, match="'Closed' has no business hours from 2026-03-03"):
        reaches(opened, never, HOUR)
    assert counted(opened, never, at("2026-04-03 10:00")) == NOTHING


# --- properties -------------------------------------------------------------------------------
@st.composite
def ledgers(draw: st.DrawFn, *, stopped: bool | None = None) -> list[Entry]:
    start = draw(instants())
    entries = [Entry(start, Kind.START)]
    moments = [start + offset for offset in draw(st.lists(lengths(), max_size=6))]
    kinds = st.sampled_from((Kind.PAUSE, Kind.RESUME))
    entries += [Entry(moment, draw(kinds)) for moment in moments]
    # Some at the same instants, as when a rule and a person act in one transaction.
    entries += [Entry(entry.at, draw(kinds)) for entry in entries if draw(st.booleans())]
    if stopped or (stopped is None and draw(st.booleans())):
        entries.append(Entry(start + draw(lengths()), Kind.STOP))
    return entries


def running_at_the_end(entries: list[Entry]) -> list[Entry]:
    return [*entries, Entry(max(entry.at for entry in entries) + MINUTE, Kind.RESUME)]


@given(calendars(), ledgers(stopped=False), lengths(), lengths())
def test_elapsed_and_remaining_are_the_target_pain_4(
    calendar: Calendar, entries: list[Entry], target: timedelta, since: timedelta
) -> None:
    hours, entries = BusinessHours(calendar), running_at_the_end(entries)
    assume(target)
    deadline = reaches(entries, hours, target)
    assert deadline is not None
    assert counted(entries, hours, deadline) == target
    assert counted(entries, hours, deadline - MOMENT) < target

    now = entries[0].at + since
    elapsed = counted(entries, hours, now)
    ahead = [s for s in spans(entries) if s.running and (s.end is None or s.end > now)]
    remaining = sum(
        (hours.between(max(s.start, now), min(s.end or deadline, deadline)) for s in ahead), NOTHING
    )
    if now <= deadline:
        assert elapsed + remaining == target
    else:
        assert elapsed >= target


@given(calendars(), ledgers(), lengths(), lengths(), lengths(timedelta(days=30)))
def test_pause_then_resume_changes_nothing_while_closed_pain_4(
    calendar: Calendar, entries: list[Entry], since: timedelta, target: timedelta, until: timedelta
) -> None:
    hours, start = BusinessHours(calendar), entries[0].at
    span = [*hours.stretches(start + since, start + since + timedelta(days=4))]
    closed = next((s for s in span if not s.open), None)
    assume(closed is not None and target)
    assert closed is not None
    # Where it is on hold already, a resume would end that: only a running clock is put on hold.
    assume(
        any(
            s.running and s.start < closed.start and (s.end is None or s.end > closed.end)
            for s in spans(entries)
        )
    )
    waited = [*entries, Entry(closed.start, Kind.PAUSE), Entry(closed.end, Kind.RESUME)]
    assert counted(waited, hours, start + until) == counted(entries, hours, start + until)
    assert reaches(waited, hours, target) == reaches(entries, hours, target)


@given(calendars(), ledgers(), st.randoms(use_true_random=False), lengths(), lengths())
def test_the_order_of_entries_does_not_matter(
    calendar: Calendar,
    entries: list[Entry],
    chance: random.Random,
    target: timedelta,
    until: timedelta,
) -> None:
    shuffled = chance.sample(entries, len(entries))
    hours, end = BusinessHours(calendar), entries[0].at + until
    assert spans(shuffled) == spans(entries)
    assert counted(shuffled, hours, end) == counted(entries, hours, end)
    assert reaches(shuffled, hours, target) == reaches(entries, hours, target)


@given(calendars(), ledgers(), lengths(), lengths())
def test_counting_in_two_parts_is_counting_at_once(
    calendar: Calendar, entries: list[Entry], first: timedelta, second: timedelta
) -> None:
    """As the services do it: what was counted up to some moment is kept, and counting goes on from there."""
    hours, start = BusinessHours(calendar), entries[0].at
    middle, end = start + first, start + first + second
    later = sum(
        (
            hours.between(max(s.start, middle), min(s.end or end, end))
            for s in spans(entries)
            if s.running
        ),
        NOTHING,
    )
    assert counted(entries, hours, end) == counted(entries, hours, middle) + later


@given(calendars(), ledgers(), lengths(timedelta(days=30)))
def test_an_explanation_has_no_gap_and_sums_up_to_what_was_counted(
    calendar: Calendar, entries: list[Entry], until: timedelta
) -> None:
    hours, start = BusinessHours(calendar), entries[0].at
    told = list(explain(entries, hours, start + until))
    assert sum((e.counted for e in told), NOTHING) == counted(entries, hours, start + until)
    stops = [entry.at for entry in entries if entry.kind is Kind.STOP]
    end = max(min([start + until, *stops]), start)
    assert [start, *(e.end for e in told)] == [*(e.start for e in told), end]
    assert all(e.start < e.end and e.why for e in told)
    assert all(e.counted == (e.end - e.start if e.why == "counted" else NOTHING) for e in told)


@given(ledgers(), lengths(), lengths())
def test_a_larger_target_is_never_due_earlier(
    entries: list[Entry], target: timedelta, more: timedelta
) -> None:
    sooner, later = reaches(entries, OFFICE, target), reaches(entries, OFFICE, target + more)
    assert later is None or (sooner is not None and sooner <= later)


@given(ledgers(stopped=False), lengths())
def test_around_the_clock_a_deadline_is_the_target_plus_the_time_on_hold_pain_4(
    entries: list[Entry], target: timedelta
) -> None:
    entries = running_at_the_end(entries)
    assume(target)
    deadline = reaches(entries, ALWAYS, target)
    assert deadline is not None
    on_hold = sum(
        (
            min(s.end or deadline, deadline) - s.start
            for s in spans(entries)
            if not s.running and s.start < deadline
        ),
        NOTHING,
    )
    assert deadline == entries[0].at + target + on_hold
