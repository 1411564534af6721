"""What `/metrics` says of the classifiers, read from the drift table at each scrape."""

from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from triage.services import drifting


class DriftCollector(Collector):
    """Gauges of drift. What could not be measured is left out, and so is everything while the database is away."""

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # asked at registration, before there is a database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            yield from list(_measure())
        except (DatabaseError, InterfaceError):
            return


def _measure() -> Iterator[GaugeMetricFamily]:
    index = GaugeMetricFamily(
        "smartops_triage_drift",
        "Stability index of the newest day against the model's training",
        labels=["field", "of"],
    )
    overridden = GaugeMetricFamily(
        "smartops_triage_override_rate",
        "Share of the answers that people looked at and changed, newest day",
        labels=["field"],
    )
    bands = GaugeMetricFamily(
        "smartops_triage_band_share",
        "Share of the newest day's decisions by band",
        labels=["field", "band"],
    )
    for row in drifting.newest_days():
        for of, value in (("answers", row.psi_category), ("words", row.psi_words)):
            if value is not None:
                index.add_metric([row.field, of], value)
        if row.override_rate is not None:
            overridden.add_metric([row.field], row.override_rate)
        for band in ("auto", "suggest", "review"):
            bands.add_metric([row.field, band], getattr(row, band) / max(row.decisions, 1))
    audited = GaugeMetricFamily(
        "smartops_triage_audited_precision",
        f"Share of the automatic answers audited in {drifting.AUDITED_DAYS} days that were right",
        labels=["field"],
    )
    for name, (seen, right) in drifting.audits(timezone.now()).items():
        if seen:
            audited.add_metric([name], right / seen)
    yield from (index, overridden, bands, audited)


def register() -> None:
    """Once a process, when the apps are ready."""
    REGISTRY.register(DriftCollector())
