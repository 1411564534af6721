"""What `/metrics` says of the watch, read from the database at each scrape."""

from collections.abc import Iterator

from django.db.models import Count, Max
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

from sla.models import Escalation, Notification
from sla.models.notification import WAITING
from sla.services import auditing
from workers.metrics import DatabaseCollector

#: Escalations that the lateness is taken over: the newest.
_NEWEST = 1000


def watch() -> Iterator[GaugeMetricFamily]:
    found = auditing.look()
    yield GaugeMetricFamily(
        "smartops_sla_oldest_due_seconds",
        "For how long the oldest due clock has waited for its check",
        value=found.lateness.total_seconds(),
    )
    yield GaugeMetricFamily(
        "smartops_sla_missed_clocks",
        "Clocks that are due for longer than allowed, or cannot be checked",
        value=found.missed + found.broken,
    )
    newest = Escalation.objects.order_by("-pk").values("lateness")[:_NEWEST]
    latest = newest.aggregate(latest=Max("lateness"))["latest"]
    yield GaugeMetricFamily(
        "smartops_sla_escalation_lateness_seconds",
        f"The largest lateness of the newest {_NEWEST} escalations",
        value=latest.total_seconds() if latest else 0.0,
    )
    waiting = GaugeMetricFamily(
        "smartops_notifications_waiting", "Messages that wait, by channel", labels=["channel"]
    )
    counts = Notification.objects.filter(WAITING).values_list("channel__name")
    for channel, count in counts.annotate(count=Count("pk")).order_by("channel__name"):
        waiting.add_metric([channel], count)
    yield waiting


def register() -> None:
    """Once a process, when the apps are ready."""
    REGISTRY.register(DatabaseCollector(watch))
