"""Numbers that only grow, whoever counts and whatever dies."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models.functions import Now

from workers import measuring, tallies
from workers.models import DeadLetter, Heartbeat, Tally, TallyPlace
from workers.tallies import Amounts, Counted, Source

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = Counted("seconds", "How long", ("queue",), bounds=(0.5, 1.0, 5.0))


def kept(name: str) -> dict[tuple[str, ...], float]:
    rows = Tally.objects.filter(name=name).values_list("labels", "value")
    return {tuple(labels): value for labels, value in rows}


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Only dead letters are counted, one by one. Returns what ranges were asked for."""
    asked: list[tuple[int, int]] = []

    def count(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
        asked.append((first, last))
        cursor.execute(
            "SELECT count(*) FROM workers_deadletter WHERE id > %s AND id <= %s", [first, last]
        )
        yield {("letters", ()): cursor.fetchone()[0]}

    monkeypatch.setattr(tallies, "SOURCES", [Source(DeadLetter, count)])
    return asked


def write(count: int = 1) -> None:
    for number in range(count):
        DeadLetter.objects.create(kind="a", object_id=number, settled_at=None)
        DeadLetter.objects.update(settled_at=datetime.now(UTC), settled_by="x", outcome="retried")


def test_amounts_are_added_up_by_name_and_labels() -> None:
    with transaction.atomic():
        tallies.add({("a", ("x",)): 2, ("a", ("y",)): 1})
        tallies.add({("a", ("x",)): 3, ("b", ()): 0})

    assert kept("a") == {("x",): 5.0, ("y",): 1.0}
    assert kept("b") == {}


def test_many_who_add_to_one_number_lose_nothing() -> None:
    def add() -> None:
        for _ in range(20):
            with transaction.atomic():
                tallies.add({("a", ()): 1, ("b", ()): 1})
        connection.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kept("a") == kept("b") == {(): 80.0}


def test_each_row_is_counted_once(letters: list[tuple[int, int]]) -> None:
    tallies.fold()
    write()
    for _ in range(3):
        tallies.fold()
    write(2)
    for _ in range(3):
        tallies.fold()

    assert kept("letters") == {(): 3.0}
    assert all(first < last for first, last in letters)


def test_a_row_that_commits_late_is_counted_too(letters: list[tuple[int, int]]) -> None:
    tallies.fold()
    write()
    with link() as slow:
        slow.execute(
            "INSERT INTO workers_deadletter (kind, object_id, subject, reason, request_id, settled_by, outcome)"
            " VALUES ('b', 1, '', '', '', '', '')"
        )
        write()  # with a higher id, and committed before the slow one
        for _ in range(3):
            tallies.fold()
        before = kept("letters").get((), 0.0)
        slow.commit()
    for _ in range(2):
        tallies.fold()

    assert before <= 2.0
    assert kept("letters") == {(): 3.0}


def link() -> Any:
    where = connection.settings_dict
    names = {
        "host": "HOST",
        "port": "PORT",
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
    }
    return psycopg.connect(**{name: where[key] for name, key in names.items()})


def test_what_was_there_before_counting_began_is_no_news(letters: list[tuple[int, int]]) -> None:
    write(5)
    tallies.fold()
    write()

    for _ in range(3):
        tallies.fold()

    assert kept("letters") == {(): 1.0}


def test_many_new_rows_are_counted_in_several_runs(
    letters: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "MOST", 2)
    write()
    tallies.fold()
    write(5)

    for _ in range(6):
        tallies.fold()

    assert kept("letters") == {(): 5.0}
    assert all(last - first <= 2 for first, last in letters)


def test_a_desk_that_was_restored_into_another_cluster_goes_on_counting(
    letters: list[tuple[int, int]],
) -> None:
    tallies.fold()
    TallyPlace.objects.update(next_xid=2**61)  # far above any that this cluster will see soon
    write()

    for _ in range(3):
        tallies.fold()

    assert kept("letters") == {(): 1.0}


def test_a_table_that_cannot_be_counted_stops_no_other(
    letters: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_id = Source(Heartbeat, lambda *_: [])
    monkeypatch.setattr(tallies, "SOURCES", [no_id, *tallies.SOURCES])

    for count in (0, 1, 0, 0):
        write(count)
        with pytest.raises(ProgrammingError):
            tallies.fold()

    assert kept("letters") == {(): 1.0}


def test_a_run_does_not_wait_for_another(letters: list[tuple[int, int]]) -> None:
    tallies.fold()
    with link() as other:
        other.execute("SELECT * FROM workers_tallyplace FOR UPDATE")
        assert tallies.fold() == 0
    assert TallyPlace.objects.count() == 1


def test_a_histogram_tells_how_many_up_to_each_bound() -> None:
    rows = [
        (("triage",), "0.5", 2, 0.6),
        (("triage",), "5.0", 1, 4.0),
        (("triage",), "inf", 1, 9.0),
    ]
    with transaction.atomic():
        tallies.add(SECONDS.measured(rows))

    assert SECONDS.cumulated(kept("seconds")) == {
        ("triage",): ([2.0, 2.0, 3.0, 4.0], pytest.approx(13.6))
    }


def test_buckets_of_an_older_version_are_counted_by_the_next_bound() -> None:
    old = {("triage", "0.7"): 1.0, ("triage", "60.0"): 2.0, ("triage", "sum"): 99.0}

    assert SECONDS.cumulated(old) == {("triage",): ([0.0, 1.0, 1.0, 3.0], 99.0)}


def behind() -> float:
    [gauge] = measuring.tallies_behind()
    return float(gauge.samples[0].value)


def test_how_far_behind_counting_is_is_told(letters: list[tuple[int, int]]) -> None:
    assert behind() == 0  # not begun
    tallies.fold()
    TallyPlace.objects.update(folded_at=Now() - timedelta(minutes=10))
    assert 600 <= behind() < 660

    tallies.fold()

    assert behind() < 60


def test_a_transaction_that_stays_open_shows_as_counting_that_is_behind(
    letters: list[tuple[int, int]],
) -> None:
    tallies.fold()
    with link() as slow:
        slow.execute("SELECT pg_current_xact_id()")
        for _ in range(2):
            tallies.fold()  # until its place is behind that transaction
        TallyPlace.objects.update(folded_at=Now() - timedelta(minutes=10))
        tallies.fold()
        assert behind() >= 600
    tallies.fold()

    assert behind() < 60


def test_what_is_too_much_for_one_run_is_still_behind(
    letters: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "MOST", 2)
    tallies.fold()
    write(3)
    tallies.fold()
    TallyPlace.objects.update(folded_at=Now() - timedelta(minutes=10))

    tallies.fold()
    assert behind() >= 600
    for _ in range(3):
        tallies.fold()

    assert behind() < 60
