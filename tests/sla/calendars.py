"""Calendars, instants and lengths of time that hypothesis draws, most of them close to a change of clocks."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sla.document import DAYS, Calendar, Holiday

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
)
#: Moments around which clocks changed in these zones, and an ordinary one.
CHANGES = (
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2017, 10, 15, 3, tzinfo=UTC),
    datetime(2017, 2, 19, 2, tzinfo=UTC),
    datetime(2010, 11, 7, 2, 31, tzinfo=UTC),
    datetime(2026, 6, 17, 12, tzinfo=UTC),
)


def lengths(most: timedelta = timedelta(days=14)) -> st.SearchStrategy[timedelta]:
    return st.one_of(
        st.timedeltas(timedelta(0), most),
        st.integers(0, int(most.total_seconds()) // 900).map(lambda n: timedelta(minutes=15 * n)),
    )


def instants() -> st.SearchStrategy[datetime]:
    offsets = lengths(timedelta(days=4)).map(lambda length: length - timedelta(days=2))
    return st.builds(lambda change, offset: change + offset, st.sampled_from(CHANGES), offsets)


@st.composite
def slots(draw: st.DrawFn) -> list[tuple[int, int]]:
    edges = st.one_of(st.integers(0, 48).map(lambda n: 30 * n), st.integers(0, 1440))
    found = sorted(draw(st.sets(edges, min_size=2, max_size=6)))
    return list(zip(found[::2], found[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    dates = [f"{change + timedelta(days=n):%Y-%m-%d}" for change in CHANGES for n in range(-2, 3)]
    return Calendar(
        time_zone=draw(st.sampled_from(ZONES)),
        hours=draw(st.dictionaries(st.sampled_from(DAYS), slots(), max_size=7)),  # type: ignore[arg-type]
        holidays=[
            Holiday(date=day[5:] if yearly else day, name="holiday")
            for day, yearly in draw(
                st.lists(st.tuples(st.sampled_from(dates), st.booleans()), max_size=3)
            )
        ],
        country=draw(st.sampled_from(("", "", "", "DE", "US"))),
    )
