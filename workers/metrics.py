"""What `/metrics` tells of the whole desk, read from the database: by any web process, whoever did the work.

Each part is read in a transaction of its own with a bound on its time: one that fails says so, and takes no other
with it. What was read is told for some seconds, so that many scrapers cost as much as one.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from prometheus_client import REGISTRY, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from workers.models import Tally
from workers.tallies import Counted, Labels

log = structlog.get_logger("workers.metrics")
#: For so many seconds what was read is told again …
KEPT_SECONDS: Final = 5.0
#: … and so many times as long as reading it took, so that it costs a twentieth of a core at most …
_TIMES: Final = 20.0
#: … but no longer than this.
_MOST_KEPT: Final = 60.0
#: For one statement …
_STATEMENT_SECONDS: Final = 3.0
#: … and for all parts of one scrape together; Prometheus waits for ten seconds.
_SCRAPE_SECONDS: Final = 6.0
#: So long nobody tries again what failed because it took too long.
_FAILED_SECONDS: Final = 30.0

Measure = Callable[[], Iterable[Metric]]

disable_created_metrics()  # a second number for each, that nobody reads


@dataclass
class _Part:
    measure: Measure
    database: bool
    kept: list[Metric]
    until: float = 0.0  # monotonic
    up: bool = True
    seconds: float = 0.0
    failures: int = 0


class DeskCollector(Collector):
    """All parts, each read when what is kept of it is too old."""

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}
        self._lock = threading.Lock()

    def add(self, name: str, measure: Measure, *, database: bool = True) -> None:
        self._parts[name] = _Part(measure, database, [])

    def describe(self) -> list[Metric]:
        return []  # asked at registration, before there is a database

    def forget(self) -> None:
        """Read everything anew at the next scrape."""
        for part in self._parts.values():
            part.until = 0.0

    def collect(self) -> Iterator[Metric]:
        with self._lock:  # whoever comes meanwhile is told what this one reads
            away, deadline = False, time.monotonic() + _SCRAPE_SECONDS
            for name, part in self._parts.items():
                if time.monotonic() >= part.until:
                    away = self._read(name, part, deadline, away=away) or away
            told = [metric for part in self._parts.values() for metric in part.kept]
            told += _about(self._parts)
        yield from told

    def _read(self, name: str, part: _Part, deadline: float, *, away: bool) -> bool:
        """Read one part. Returns whether the database is away: then nobody waits for it a second time."""
        started, lost = time.monotonic(), False
        try:
            if part.database and away:
                raise OperationalError("the database is away")
            part.kept = _bounded(part.measure, deadline) if part.database else list(part.measure())
            part.up = True
        except Exception as error:  # whatever is wrong with one part, the others are told
            part.kept, part.up, part.failures = [], False, part.failures + 1
            lost = part.database and isinstance(error, OperationalError | InterfaceError)
            lost = lost and not _answers()
            log.warning("metrics cannot be read", part=name, error=type(error).__name__)
        part.seconds = time.monotonic() - started
        kept = min(max(KEPT_SECONDS, _TIMES * part.seconds), _MOST_KEPT)
        part.until = time.monotonic() + (kept if part.up else min(kept, _FAILED_SECONDS))
        return lost


def _bounded(measure: Measure, deadline: float) -> list[Metric]:
    """Every statement of the part ends before the scrape's deadline (monotonic seconds)."""

    def within(execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        left = min(deadline - time.monotonic(), _STATEMENT_SECONDS)
        if left <= 0:
            raise OperationalError("no time is left for this part in this scrape")
        connection.connection.execute(f"SET LOCAL statement_timeout = {int(left * 1000) or 1}")
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(within):
        return list(measure())


def _answers() -> bool:
    """A statement that took too long is an OperationalError, too."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        connection.close()
        return False
    return True


def _about(parts: dict[str, _Part]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "smartops_collector_up", "1: this part of what is told could be read", labels=["collector"]
    )
    seconds = GaugeMetricFamily(
        "smartops_collector_duration_seconds", "How long reading it took", labels=["collector"]
    )
    failures = CounterMetricFamily(
        "smartops_collector_failures",
        "How often this process could not read it",
        labels=["collector"],
    )
    for name, part in parts.items():
        up.add_metric([name], int(part.up))
        seconds.add_metric([name], part.seconds)
        failures.add_metric([name], part.failures)
    database = any(part.up for part in parts.values() if part.database)
    yield from (up, seconds, failures)
    yield GaugeMetricFamily("smartops_database_up", "1: the database answers", value=int(database))


COLLECTOR: Final = DeskCollector()
REGISTRY.register(COLLECTOR)

#: What `tallies` keeps, by its name.
_COUNTED: Final[dict[str, Counted]] = {}


def register(name: str, measure: Measure, *, database: bool = True) -> None:
    """Let `/metrics` tell what `measure` yields. Once a process, when the apps are ready."""
    COLLECTOR.add(name, measure, database=database)


def tell(*counted: Counted) -> None:
    """Let `/metrics` tell these counters and histograms."""
    _COUNTED.update((one.name, one) for one in counted)


def tallied() -> Iterator[Metric]:
    """Every counter and histogram that the database keeps: one read of a small table."""
    kept: dict[str, dict[Labels, float]] = defaultdict(dict)
    for name, labels, value in Tally.objects.values_list("name", "labels", "value"):
        kept[name][tuple(labels)] = value
    for counted in _COUNTED.values():
        yield (
            _histogram(counted, kept[counted.name])
            if counted.bounds
            else _counter(counted, kept[counted.name])
        )


def _counter(counted: Counted, kept: dict[Labels, float]) -> Metric:
    family = CounterMetricFamily(counted.name, counted.help, labels=counted.labels)
    for labels, value in sorted((dict.fromkeys(counted.known(), 0.0) | kept).items()):
        family.add_metric(labels, value)
    return family


def _histogram(counted: Counted, kept: dict[Labels, float]) -> Metric:
    family = HistogramMetricFamily(counted.name, counted.help, labels=counted.labels)
    bounds = [*(str(bound) for bound in counted.bounds), "+Inf"]
    for labels, (counts, total) in sorted(counted.cumulated(kept).items()):
        family.add_metric(labels, list(zip(bounds, counts, strict=True)), total)
    return family
