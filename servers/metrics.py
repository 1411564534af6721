"""What `/metrics` says of servers and alerts, read from the database at each scrape."""

from collections.abc import Iterator

from django.db.models import Count, Q
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily

from servers.models import Incident, IncidentState, ServerEvent
from workers.metrics import DatabaseCollector

_ACTIVE = [IncidentState.FIRING, IncidentState.RECOVERING]


def incidents() -> Iterator[GaugeMetricFamily]:
    active = Incident.objects.active()
    counts = dict(active.values_list("state").annotate(count=Count("pk")).order_by("state"))
    by_state = GaugeMetricFamily(
        "smartops_incidents", "Problems that are not over, by state", labels=["state"]
    )
    for state in _ACTIVE:
        by_state.add_metric([state], counts.get(state, 0))
    yield by_state
    kinds = active.aggregate(
        flapping=Count("pk", filter=Q(flapping_since__isnull=False)),
        silent=Count("pk", filter=Q(held__isnull=False)),
    )
    yield GaugeMetricFamily(
        "smartops_incidents_flapping", "Of these, those that come and go", value=kinds["flapping"]
    )
    yield GaugeMetricFamily(
        "smartops_incidents_suppressed",
        "Of these, those that a maintenance window keeps without a ticket",
        value=kinds["silent"],
    )
    oldest = ServerEvent.objects.waiting().values_list("at", flat=True).first()
    yield GaugeMetricFamily(
        "smartops_server_events_oldest_seconds",
        "For how long the oldest event of a server has waited to be followed",
        value=(timezone.now() - oldest).total_seconds() if oldest else 0.0,
    )


def register() -> None:
    """Once a process, when the apps are ready."""
    REGISTRY.register(DatabaseCollector(incidents))
