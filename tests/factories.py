"""Valid objects; a test names only what matters to it. Made by the services, so that they are as real ones are."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from sla.document import PolicyDocument
from sla.models import Escalation, SlaClock, SlaPolicy, SlaPolicyVersion
from tickets.intake import TicketIn
from tickets.models import Ticket
from tickets.services import open_tickets
from tickets.services.access import give_role

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def make_user(name: str, role: str | None) -> User:
    user = User.objects.create_user(name, password="correct-horse-battery")
    if role:
        give_role(user=user, role=role)
    return User.objects.get(pk=user.pk)


def item(*, at: datetime = NOON, **fields: Any) -> TicketIn:
    """A checked intake item."""
    given = {"title": "The printer is on strike", **fields}
    return TicketIn.model_validate(given, context={"now": at})


def make_ticket(*, at: datetime = NOON, **fields: Any) -> Ticket:
    [outcome] = open_tickets(items=[item(at=at, **fields)], actor="test", now=at)
    assert outcome.ticket is not None, outcome.errors
    return outcome.ticket


def make_escalation(
    ticket: Ticket | None = None, *, metric: str = "first_response", level: int = 1, **fields: Any
) -> Escalation:
    """A row as the watch writes it, on a clock of its own policy."""
    ticket = ticket or make_ticket()
    policy, _ = SlaPolicy.objects.get_or_create(name="made by a test")
    document = PolicyDocument.model_validate({"tiers": {"standard": {"P3": {"resolution": "4h"}}}})
    version, _ = SlaPolicyVersion.objects.get_or_create(
        policy=policy, number=1, defaults={"document": document.canonical(), "created_by": "test"}
    )
    clock, _ = SlaClock.objects.get_or_create(
        ticket=ticket,
        metric=metric,
        cycle=1,
        defaults={
            "version": version,
            "target": timedelta(hours=1),
            "started_at": NOON,
            "running_since": NOON,
            "counted": timedelta(0),
            "due_at": NOON + timedelta(hours=1),
        },
    )
    given = {
        "threshold": "85 %",
        "breach": False,
        "due_at": NOON + timedelta(minutes=51),
        "detected_at": NOON + timedelta(minutes=52),
        "lateness": timedelta(minutes=1),
        "elapsed_minutes": 52.0,
        "target_minutes": 60.0,
        "percent_used": 86.7,
        "priority": ticket.priority,
        "customer_tier": ticket.customer_tier,
        "department_id": ticket.department_id,
        **fields,
    }
    return Escalation.objects.create(clock=clock, ticket=ticket, level=level, **given)
