"""Incidents with tickets, as alerts make them."""

from datetime import datetime, timedelta
from typing import Any

from servers.models import Incident, Storm
from servers.services.storms import watch_storms
from tests.factories import NOON, item
from tickets.services import open_tickets

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
LATER = NOON + 20 * SECOND


def make_incidents(
    count: int,
    *,
    at: datetime = NOON,
    start: int = 0,
    name: str = "Host down",
    labels: dict[str, str] | None = None,
    **fields: Any,
) -> list[Incident]:
    """`count` new incidents with a ticket each, that began at `at`; region eu-1 unless `labels` say otherwise."""
    shared = {"region": "eu-1", "alertname": name} if labels is None else labels
    numbers = range(start, start + count)
    titles = [f"{name} on h{n}" for n in numbers]
    items = [
        item(title=t, at=at, server=f"h{n}", **fields) for t, n in zip(titles, numbers, strict=True)
    ]
    tickets = [o.ticket for o in open_tickets(items=items, actor="test", now=at)]
    return Incident.objects.bulk_create(
        Incident(
            origin="integration:1",
            key=f"{name} {n} {at.isoformat()}",
            ticket=ticket,
            state="firing",
            title=title,
            labels={**shared, "instance": f"h{n}"},
            first_at=at,
            last_at=at,
        )
        for n, title, ticket in zip(numbers, titles, tickets, strict=True)
    )


def make_storm(count: int = 12, **more: Any) -> Storm:
    make_incidents(count, **more)
    assert watch_storms(now=LATER) == 1
    return Storm.objects.latest("pk")


def make_past(
    days: int, per_day: int, *, until: datetime = NOON, step: timedelta | None = None, **labels: str
) -> None:
    """Incidents of the days before `until`, at equal distances, all resolved."""
    step = step or timedelta(days=1) / per_day
    Incident.objects.bulk_create(
        (
            Incident(
                origin="integration:1",
                key=f"past {n} {labels}",
                state="resolved",
                title=f"{labels.get('alertname', 'Something')} on h{n}",
                labels=labels,
                first_at=until - n * step,
                last_at=until - n * step,
                resolved_at=until,
            )
            for n in range(1, days * per_day + 1)
        ),
        batch_size=2000,
    )
