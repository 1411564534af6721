"""The clock that a game day moves, and that is real otherwise."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from workers import clock
from workers.clock import SharedClock

MOMENTS = st.datetimes(
    min_value=datetime.fromisoformat("1970-01-01"),
    max_value=datetime.fromisoformat("2200-01-01"),
    timezones=st.just(UTC),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clock") / "clock"


def test_without_a_game_day_it_is_real_time() -> None:
    assert abs(clock.present() - timezone.now()) < timedelta(seconds=5)
    assert clock.sql_present() == "now()"


@pytest.mark.django_db
def test_the_database_says_what_processes_agree_on() -> None:
    assert clock.agreed().utcoffset() == timedelta(0)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert timezone.now() - clock.agreed() > timedelta(hours=1)


@given(at=MOMENTS)
def test_it_keeps_every_microsecond(path: Path, at: datetime) -> None:
    assert SharedClock.create(path, at).read() == at


@given(moments=st.lists(MOMENTS, min_size=2))
def test_it_goes_where_it_is_moved_but_never_back(path: Path, moments: list[datetime]) -> None:
    shared = SharedClock.create(path, moments[0])
    for moment in moments[1:]:
        before = shared.read()
        if moment < before:
            with pytest.raises(ValueError, match="cannot go back"):
                shared.move(moment)
        else:
            shared.move(moment)
        assert shared.read() == max(before, moment)


def test_everybody_who_has_it_sees_it_move(path: Path) -> None:
    monday = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    moved, seen = SharedClock.create(path, monday), SharedClock(path)

    moved.move(monday + timedelta(hours=3))

    assert seen.read() == monday + timedelta(hours=3)


@pytest.mark.django_db
def test_a_process_of_a_game_day_asks_the_shared_clock_in_python_and_in_sql(path: Path) -> None:
    at = datetime(2026, 3, 2, 8, 0, 0, 250_000, tzinfo=UTC)
    SharedClock.create(path, at)
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from workers import clock; print(clock.present(), clock.sql_present())",
        ],
        env={clock.VARIABLE: str(path), "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    said, _, expression = told.partition(" timestamptz")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT timestamptz {expression}")
        assert cursor.fetchone() == (at,)
    assert said == str(at)
