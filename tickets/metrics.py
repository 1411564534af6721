"""What `/metrics` tells of tickets: those that live, read by indexes, and what happened to them, added up."""

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from tickets.lifecycle import LIVE, Status
from tickets.models import EventKind, Ticket, TicketEvent, TriageStatus
from workers import metrics
from workers.tallies import Amounts, Counted, Source

OPENED: Final = Counted("smartops_tickets_opened_total", "Tickets that were opened")
MOVED: Final = Counted(
    "smartops_tickets_moved_total",
    "Moves of tickets to another status",
    ("status",),
    known=lambda: [(status,) for status in Status.values],
)
_TRIAGE: Final = (TriageStatus.PENDING, TriageStatus.FAILED)


def live() -> dict[str, int]:
    """Of a million tickets nearly all have ended: only the others are counted, in their indexes."""
    counts = dict(_count(Ticket.objects.filter(status__in=LIVE), "status"))
    return {status: counts.get(status, 0) for status in Status.values if status in LIVE}


def untriaged() -> Iterator[Metric]:
    waiting = Ticket.objects.filter(triage_status__in=_TRIAGE)
    counts = dict(_count(waiting, "triage_status"))
    by_triage = GaugeMetricFamily(
        "smartops_tickets_untriaged",
        "Tickets without a decision, by how triage stands",
        labels=["triage_status"],
    )
    for status in _TRIAGE:
        by_triage.add_metric([status], counts.get(status, 0))
    yield by_triage
    # By when it came, not by when it was opened: imports bring tickets that are old elsewhere.
    pending = Ticket.objects.filter(triage_status=TriageStatus.PENDING)
    oldest = pending.aggregate(at=Min("created_at"))["at"]
    yield GaugeMetricFamily(
        "smartops_tickets_oldest_untriaged_age_seconds",
        "For how long the oldest ticket that nobody has triaged has been here",
        value=_age(oldest),
    )


def review() -> Iterator[Metric]:
    queue = Ticket.objects.filter(triage_status=TriageStatus.NEEDS_REVIEW, status__in=LIVE)
    found = queue.aggregate(count=Count("pk"), first=Min("pk"))
    yield GaugeMetricFamily(
        "smartops_review_queue_tickets",
        "Tickets that wait for a person's review",
        value=found["count"],
    )
    oldest = Ticket.objects.filter(pk=found["first"]).values_list("created_at", flat=True).first()
    yield GaugeMetricFamily(
        "smartops_review_queue_oldest_age_seconds",
        "For how long the oldest of them has been here",
        value=_age(oldest),
    )


def _count(tickets: Any, column: str) -> list[tuple[str, int]]:
    return list(tickets.values_list(column).annotate(count=Count("pk")).order_by(column))


def _age(at: Any) -> float:
    return max((timezone.now() - at).total_seconds(), 0.0) if at else 0.0


def happened(cursor: Any, first: int, last: int) -> Iterator[Amounts]:
    cursor.execute(
        f"""SELECT kind, coalesce(changes -> 'status' ->> 1, ''), count(*) FROM {TicketEvent._meta.db_table}
             WHERE id > %s AND id <= %s AND (kind = %s OR changes ? 'status') GROUP BY 1, 2""",
        [first, last, EventKind.OPENED],
    )
    for kind, status, count in cursor.fetchall():
        if kind == EventKind.OPENED:
            yield {(OPENED.name, ()): count}
        elif status:
            yield {(MOVED.name, (status,)): count}


SOURCES: Final = [Source(TicketEvent, happened)]


def register() -> None:
    """Once in a web process."""
    metrics.register("untriaged", untriaged)
    metrics.register("review", review)
    metrics.tell(OPENED, MOVED)
