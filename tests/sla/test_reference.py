"""30,000 random ledgers against a reference that knows nothing but minutes.

It walks through the minutes of UTC, looks up the wall clock of each with zoneinfo, and asks whether that minute
of the day lies in a slot, whether the day is a holiday, and whether the ledger runs. No arithmetic with slots,
no search for changes of clocks. Written with arrays, one element a minute, to be quick enough.
"""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pytest

from sla.business_hours import BusinessHours
from sla.deadline import Entry, Kind, counted, explain, reaches
from sla.document import DAYS, Calendar, Holiday

LEDGERS: Final = 30_000
CALENDARS_A_WINDOW: Final = 50
MINUTE: Final = timedelta(minutes=1)
WINDOW: Final = 22 * 1440  # minutes that the reference knows of
BEFORE: Final = timedelta(days=6)  # of them before the change

#: Zone, an instant close to a change of its clocks, country. The last three have none then.
WINDOWS: Final = (
    ("Europe/Berlin", "2026-03-29", "DE"),
    ("Europe/Berlin", "2026-10-25", "DE"),
    ("America/New_York", "2026-03-08", "US"),
    ("America/New_York", "2026-11-01", "US"),
    ("Australia/Lord_Howe", "2026-04-05", "AU"),
    ("Australia/Lord_Howe", "2026-10-04", "AU"),
    ("America/Sao_Paulo", "2017-02-18", "BR"),
    ("America/Sao_Paulo", "2017-10-15", "BR"),
    ("America/Havana", "2026-03-08", ""),
    ("America/Havana", "2026-11-01", ""),
    ("Pacific/Apia", "2011-12-30", ""),
    ("Asia/Kolkata", "2026-01-26", "IN"),
    ("Asia/Kathmandu", "2026-01-15", ""),
    ("UTC", "2026-02-28", ""),
)


class Minutes(NamedTuple):
    """The wall clock at every minute from `start` on."""

    start: datetime
    zone: str
    dates: list[date]  # that occur
    day: np.ndarray  # index into `dates`
    of_day: np.ndarray  # minute of the day

    def index(self, instant: datetime) -> int:
        return (instant - self.start) // MINUTE


def walk(zone: str, around: str) -> Minutes:
    start = datetime.fromisoformat(around).replace(tzinfo=UTC) - BEFORE
    here = ZoneInfo(zone)
    walls = [(start + n * MINUTE).astimezone(here) for n in range(WINDOW)]
    dates = sorted({wall.date() for wall in walls})
    number = {day: n for n, day in enumerate(dates)}
    return Minutes(
        start,
        zone,
        dates,
        np.array([number[wall.date()] for wall in walls]),
        np.array([wall.hour * 60 + wall.minute for wall in walls]),
    )


def open_minutes(minutes: Minutes, calendar: Calendar) -> np.ndarray:
    """For each minute: is it within business hours?"""
    week = np.zeros((7, 1440), dtype=bool)
    for number, day in enumerate(DAYS):
        for start, end in calendar.hours.get(day, []) if calendar.hours else [(0, 1440)]:
            week[number, start:end] = True
    off = {h.date for h in calendar.holidays}
    public = holidays.country_holidays(calendar.country) if calendar.country else {}
    works = np.array(
        [
            day.isoformat() not in off and day.isoformat()[5:] not in off and day not in public
            for day in minutes.dates
        ]
    )
    weekday = np.array([day.weekday() for day in minutes.dates])
    return works[minutes.day] & week[weekday[minutes.day], minutes.of_day]


def running_minutes(minutes: Minutes, ledger: list[Entry]) -> np.ndarray:
    """For each minute: does the clock run?"""
    start = next(minutes.index(e.at) for e in ledger if e.kind is Kind.START)
    stop = min((minutes.index(e.at) for e in ledger if e.kind is Kind.STOP), default=WINDOW)
    pauses_more_than_resumes = np.zeros(WINDOW, dtype=int)
    for at, kind in ledger:
        if kind in (Kind.PAUSE, Kind.RESUME):
            pauses_more_than_resumes[max(minutes.index(at), start)] += (
                1 if kind is Kind.PAUSE else -1
            )
    # The state at a minute is what the last minute with a difference said; before any, the clock runs.
    says = np.where(pauses_more_than_resumes != 0, np.arange(WINDOW), -1)
    last = np.maximum.accumulate(says)
    runs = (last < 0) | (pauses_more_than_resumes[last] < 0)
    runs[:start] = runs[stop:] = False
    return runs


def repeated(minutes: Minutes) -> set[int]:
    """Minutes of the day inside an hour that comes twice: there, slots go by its first time, not by the minute.

    tests/sla/test_business_hours.py says how; random slots keep their edges out of it.
    """
    wall = minutes.day * 1440 + minutes.of_day
    inside: set[int] = set()
    for n in np.flatnonzero(np.diff(wall) < 0):
        inside |= set(range(int(minutes.of_day[n + 1]) + 1, int(minutes.of_day[n]) + 1))
    return inside


def random_calendar(chance: random.Random, minutes: Minutes, country: str) -> Calendar:
    forbidden = repeated(minutes)

    def slots() -> list[tuple[int, int]]:
        style = chance.random()
        if style < 0.2:
            return [(0, 1440)]
        pick = (
            (lambda: chance.randrange(0, 300, 5))
            if style < 0.5  # most clocks change at night
            else (
                lambda: chance.choice((0, 1440, 15 * chance.randrange(97), chance.randrange(1441)))
            )
        )
        edges = sorted({edge for _ in range(6) if (edge := pick()) not in forbidden})
        return list(zip(edges[::2], edges[1::2], strict=False))

    open_days = chance.choice((DAYS[:5], DAYS, chance.sample(DAYS, chance.randint(1, 7))))
    same = slots() if chance.random() < 0.5 else None
    week = {day: same if same is not None else slots() for day in open_days}
    off = chance.sample(minutes.dates, chance.choice((0, 0, 1, 3)))
    return Calendar(
        time_zone=minutes.zone,
        hours=week if any(week.values()) and chance.random() < 0.95 else {},  # type: ignore[arg-type]
        country=country if chance.random() < 0.3 else "",
        holidays=[
            Holiday(date=f"{day:%m-%d}" if chance.random() < 0.5 else day.isoformat())
            for day in off
        ],
    )


def random_ledger(chance: random.Random, minutes: Minutes) -> tuple[list[Entry], datetime]:
    """Up to 14 days of a clock's life, most of it around the change, and a moment at which it is looked at."""
    start = minutes.start + MINUTE * chance.randrange(8 * 1440)
    most = chance.choice((1440, 3 * 1440, 7 * 1440, 14 * 1440)) - 1

    def moment() -> datetime:
        exact = chance.randrange(most)
        return start + MINUTE * (exact if chance.random() < 0.5 else exact // 60 * 60)

    entries = [Entry(start, Kind.START)]
    for _ in range(chance.choice((0, 1, 2, 4, 8))):
        again = chance.random() < 0.25  # at an instant at which something happens already
        when = chance.choice(entries).at if again else moment()
        entries.append(Entry(when, chance.choice((Kind.PAUSE, Kind.RESUME))))
    if chance.random() < 0.2:
        early = minutes.start + (start - minutes.start) // MINUTE // 2 * MINUTE
        entries.append(Entry(early, chance.choice((Kind.PAUSE, Kind.RESUME))))
    if chance.random() < 0.3:
        entries.append(Entry(moment(), Kind.STOP))
    chance.shuffle(entries)
    return entries, moment()


@pytest.mark.parametrize(("zone", "around", "country"), WINDOWS)
def test_no_ledger_differs_from_the_minute_by_minute_reference_pains_1_2_4_20(
    zone: str, around: str, country: str
) -> None:
    chance = random.Random(f"{zone} {around}")
    minutes = walk(zone, around)
    end_of_window = minutes.start + WINDOW * MINUTE
    checked = with_deadline = 0
    for _ in range(CALENDARS_A_WINDOW):
        calendar = random_calendar(chance, minutes, country)
        hours, is_open = BusinessHours(calendar), open_minutes(minutes, calendar)
        for _ in range(-(-LEDGERS // len(WINDOWS) // CALENDARS_A_WINDOW)):
            ledger, until = random_ledger(chance, minutes)
            runs = running_minutes(minutes, ledger)
            told = f"{calendar!r}\n{ledger!r}\n{until!r}"
            #: How many minutes were counted before the n-th.
            before = np.concatenate(([0], np.cumsum(is_open & runs)))
            checked += 1

            assert counted(ledger, hours, until) == before[minutes.index(until)] * MINUTE, told

            target = chance.randint(1, chance.choice((30, 480, 2400, 20_000)))
            due = int(np.searchsorted(before, target))  # the first n with so many before it
            if due <= WINDOW:
                with_deadline += 1
                assert reaches(ledger, hours, target * MINUTE) == (minutes.start + due * MINUTE), (
                    told
                )
            elif runs[-1]:
                deadline = reaches(ledger, hours, target * MINUTE)
                assert deadline is not None, told
                assert deadline > end_of_window, told
            else:
                assert reaches(ledger, hours, target * MINUTE) is None, told

            if checked % 10 == 0:
                for stretch in explain(ledger, hours, until):
                    first, last = minutes.index(stretch.start), minutes.index(stretch.end)
                    assert stretch.counted == (before[last] - before[first]) * MINUTE, told
                    assert runs[first:last].all() != (stretch.why == "on hold"), told
    assert checked >= LEDGERS / len(WINDOWS)
    assert with_deadline > checked / 4  # or the ledgers would test too little


def test_the_reference_itself_knows_the_odd_days() -> None:
    berlin, apia = walk("Europe/Berlin", "2026-10-25"), walk("Pacific/Apia", "2011-12-30")
    sunday = berlin.dates.index(date(2026, 10, 25))
    assert int((berlin.day == sunday).sum()) == 25 * 60
    assert repeated(berlin) == set(range(121, 180))
    assert date(2011, 12, 30) not in apia.dates
    assert repeated(apia) == repeated(walk("America/Sao_Paulo", "2017-10-15")) == set()
