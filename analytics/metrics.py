"""What `/metrics` tells of the figures: how old they are, and how many tickets there are in which status."""

from collections.abc import Iterator

from django.db.models import Sum
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from analytics.freshness import freshness, oldest_note_age
from analytics.models import CountScope, Dimension, TicketCount
from tickets.lifecycle import Status
from tickets.metrics import live
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


def tickets() -> Iterator[Metric]:
    """Those that live are counted now, those that have ended were counted for the figures: they are too many."""
    counts = live()
    if freshness()["as_of"] is not None:
        ended = TicketCount.objects.filter(
            scope=CountScope.DEPARTMENT, scope_id=0, dimension=Dimension.STATUS, live=False
        )
        found = ended.values_list("key").annotate(count=Sum("tickets")).order_by("key")
        counts |= dict.fromkeys(set(Status.values) - set(counts), 0) | dict(found)
    by_status = GaugeMetricFamily("smartops_tickets", "Tickets by status", labels=["status"])
    for status, count in counts.items():
        by_status.add_metric([status], count)
    yield by_status


def register() -> None:
    """Once in a web process."""
    metrics.register("tickets", tickets)
    metrics.register("analytics", age)
