"""What `/metrics` tells of the figures: how old they are."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from analytics.freshness import freshness
from workers import metrics


def age() -> Iterator[Metric]:
    """Nothing until they were counted for the first time."""
    seconds = freshness()["age_seconds"]
    if seconds is not None:
        yield GaugeMetricFamily(
            "smartops_analytics_age_seconds",
            "How old the figures of the analytics are: everything before that is counted",
            value=seconds,
        )


def register() -> None:
    """Once in a web process."""
    metrics.register("analytics", age)
