"""What `/metrics` tells of servers and alerts."""

from collections.abc import Iterator

from django.db.models import Count, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from servers.lifecycle import State
from servers.models import Incident, IncidentState, Server, ServerEvent
from workers import metrics

_ACTIVE = [IncidentState.FIRING, IncidentState.RECOVERING]


def fleet() -> Iterator[Metric]:
    counts = dict(Server.objects.values_list("state").annotate(count=Count("pk")).order_by("state"))
    family = GaugeMetricFamily("smartops_servers", "Servers, by state", labels=["state"])
    for state in State:
        family.add_metric([state.value], counts.get(state.value, 0))
    yield family


def incidents() -> Iterator[Metric]:
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
        "smartops_server_events_oldest_age_seconds",
        "For how long the oldest event of a server has waited to be followed",
        value=max((timezone.now() - oldest).total_seconds(), 0.0) if oldest else 0.0,
    )


def register() -> None:
    """Once in a web process."""
    metrics.register("fleet", fleet)
    metrics.register("incidents", incidents)
