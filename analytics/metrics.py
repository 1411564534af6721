"""What `/metrics` tells of the figures: how old they are."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from analytics.freshness import freshness, oldest_note_age
from workers import metrics


def age() -> Iterator[Metric]:
    """No age until they were counted for the first time; what waits for that has one."""
    seconds = freshness()["age_seconds"]
    if seconds is not None:
        yield GaugeMetricFamily(
            "smartops_analytics_age_seconds",
            "How old the figures of the analytics are: everything before that is counted",
            value=seconds,
        )
    yield GaugeMetricFamily(
        "smartops_analytics_oldest_change_age_seconds",
        "For how long the oldest change of a ticket has waited to be counted; 0: none waits",
        value=oldest_note_age(),
    )


def register() -> None:
    """Once in a web process."""
    metrics.register("analytics", age)
