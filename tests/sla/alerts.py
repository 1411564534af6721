"""Channels and escalations for tests."""

from datetime import timedelta
from typing import Any

from sla.document import Level
from sla.models import Channel, Escalation, Notification, SlaClock, SlaPolicy, SlaPolicyVersion
from sla.services.channels import create_channel
from sla.services.outbox import Alert, queue_alerts
from tests.factories import NOON, make_ticket
from tickets.models import Ticket


def make_channel(name: str = "ops", kind: str = "webhook", **values: Any) -> Channel:
    if kind == "email":
        values.setdefault("recipients", [] if values.get("for_people") else ["ops@desk.example"])
    else:
        values.setdefault("address", "https://hooks.example/T0/secretpath")
    channel, _ = create_channel(values={"name": name, "kind": kind, **values})
    return channel


def make_alert(
    ticket: Ticket | None = None, *, breach: bool = True, reached: int = 1, **level: Any
) -> Alert:
    """An escalation of a clock of `ticket`, as the watch would write it."""
    ticket = ticket or make_ticket()
    policy, _ = SlaPolicy.objects.get_or_create(name="Test")
    version, _ = SlaPolicyVersion.objects.get_or_create(
        policy=policy, number=1, defaults={"document": {}, "created_by": "test"}
    )
    clock = SlaClock.objects.create(
        ticket=ticket,
        metric="resolution",
        cycle=1 + SlaClock.objects.filter(ticket=ticket).count(),
        version=version,
        target=timedelta(hours=1),
        counted=timedelta(0),
        started_at=NOON,
        running_since=NOON,
        due_at=NOON + timedelta(hours=1),
    )
    escalation = Escalation.objects.create(
        clock=clock,
        ticket=ticket,
        department=ticket.department,
        level=reached,
        threshold="breach" if breach else "85 %",
        breach=breach,
        due_at=clock.due_at,
        detected_at=NOON + timedelta(hours=1),
        lateness=timedelta(0),
        elapsed_minutes=60,
        target_minutes=60,
        percent_used=100,
        priority=ticket.priority,
        customer_tier=ticket.customer_tier,
    )
    spec = Level.model_validate({"at": 100 if breach else 85, "notify": level})
    return Alert(escalation, clock, ticket, spec)


def tell(channel: Channel, count: int = 1, ticket: Ticket | None = None) -> list[Notification]:
    """Queue `count` alerts for a channel, each of a ticket of its own unless one is given."""
    alerts = [make_alert(ticket, routed=False, channels=[channel.name]) for _ in range(count)]
    queue_alerts(alerts=alerts)
    wanted = [alert.escalation.pk for alert in alerts]
    return list(Notification.objects.filter(escalation__in=wanted).order_by("pk"))


def due_now() -> None:
    """Let the pauses pass."""
    from django.db.models.functions import Now

    Notification.objects.filter(state="retrying").update(next_attempt_at=Now())
    Channel.objects.update(next_attempt_at=None, allowance=1000)
