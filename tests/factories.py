"""Valid objects; a test names only what matters to it. Made by the services, so that they are as real ones are."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User

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
