"""Gauges for `/metrics` that are read from the database at each scrape."""

from collections.abc import Callable, Iterator

from django.db import DatabaseError, InterfaceError
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class DatabaseCollector(Collector):
    """What `measure` yields; nothing while the database is away."""

    def __init__(self, measure: Callable[[], Iterator[GaugeMetricFamily]]) -> None:
        self._measure = measure

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # asked at registration, before there is a database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            yield from list(self._measure())
        except (DatabaseError, InterfaceError):
            return
