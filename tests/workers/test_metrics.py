"""What is told from the database: once for many scrapers, and one part's trouble is its own."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from smartops import scraping
from workers import metrics
from workers.metrics import DeskCollector

pytestmark = pytest.mark.django_db


class Counting:
    """A part that tells how often it was read."""

    def __init__(self, error: Exception | None = None) -> None:
        self.reads, self.error = 0, error

    def __call__(self) -> Iterator[Metric]:
        self.reads += 1
        if self.error:
            raise self.error
        yield GaugeMetricFamily("reads", "How often", value=self.reads)


def told(collector: DeskCollector) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_many_scrapers_cost_one_read() -> None:
    collector, part = DeskCollector(), Counting()
    collector.add("part", part)

    for _ in range(3):
        assert told(collector)["reads",] == 1

    assert part.reads == 1


def test_what_is_too_old_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(metrics, "_TIMES", 0.0)
    collector, part = DeskCollector(), Counting()
    collector.add("part", part)

    told(collector)

    assert told(collector)["reads",] == 2


def test_what_takes_long_is_read_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(metrics.time, "monotonic", lambda: now)

    class Slow(Counting):
        def __call__(self) -> Iterator[Metric]:
            nonlocal now
            now += 1.0
            yield from super().__call__()

    collector, part = DeskCollector(), Slow()
    collector.add("part", part)
    told(collector)
    now += 19.0
    told(collector)
    assert part.reads == 1
    now += 2.0
    told(collector)
    assert part.reads == 2


def test_a_part_that_fails_says_so_and_takes_no_other_with_it() -> None:
    collector = DeskCollector()
    collector.add("bad", Counting(ZeroDivisionError("no")))
    collector.add("good", Counting())

    found = told(collector)

    assert found["reads",] == 1
    assert found["smartops_collector_up", "bad"] == 0
    assert found["smartops_collector_up", "good"] == 1
    assert found["smartops_collector_failures_total", "bad"] == 1
    assert found["smartops_database_up",] == 1


def test_a_statement_that_takes_too_long_spoils_its_part_alone() -> None:
    def slow() -> Iterator[Metric]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")
        yield GaugeMetricFamily("slow", "Never", value=1)

    collector, started = DeskCollector(), time.monotonic()
    collector.add("slow", slow)
    collector.add("good", Counting())

    found = told(collector)

    assert time.monotonic() - started < 10
    assert (found["smartops_collector_up", "slow"], found["reads",]) == (0, 1)
    assert found["smartops_database_up",] == 1


def test_many_slow_parts_together_end_before_the_scraper_leaves() -> None:
    def slow() -> Iterator[Metric]:
        for _ in range(3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(2)")
        yield GaugeMetricFamily("slow", "Never", value=1)

    collector, started = DeskCollector(), time.monotonic()
    collector.add("good", Counting())
    for number in range(3):
        collector.add(f"slow {number}", slow)
    collector.add("other", Counting(), database=False)

    found = told(collector)

    assert time.monotonic() - started < 8
    assert [found["smartops_collector_up", f"slow {n}"] for n in range(3)] == [0, 0, 0]
    assert found["smartops_collector_up", "good"] == found["smartops_collector_up", "other"] == 1
    assert found["smartops_database_up",] == 1


def test_nobody_waits_twice_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_answers", lambda: False)
    collector = DeskCollector()
    first, second, other = Counting(OperationalError("gone")), Counting(), Counting()
    collector.add("first", first)
    collector.add("second", second)
    collector.add("other", other, database=False)

    found = told(collector)

    assert (first.reads, second.reads, other.reads) == (1, 0, 1)
    assert found["smartops_database_up",] == 0
    assert found["smartops_collector_up", "second"] == 0
    assert found["smartops_collector_up", "other"] == 1


@pytest.mark.parametrize("name", sorted(metrics.COLLECTOR._parts))
def test_every_part_can_be_read(name: str, vpn: Any) -> None:
    assert scraping.PERMISSION  # whose import adds the parts
    part = metrics.COLLECTOR._parts[name]

    for family in part.measure():
        assert family.documentation
        labels = [tuple(sorted(s.labels.items())) + ((s.name, ""),) for s in family.samples]
        assert len(labels) == len(set(labels)), family.name
