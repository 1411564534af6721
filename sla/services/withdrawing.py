"""Messages that are not needed any more before they have left."""

from collections.abc import Sequence

from django.db.models.functions import Now

from sla import subscriptions
from sla.models import MessageKind, Notification, NotificationState, Outcome
from tickets.models import EventKind
from tickets.services.recording import NewEvent


def withdraw_created(*, events: Sequence[NewEvent]) -> None:
    """Tell callbacks for all owners of no new ticket that was attached before they heard of it: its parent tells
    them, once for many. The caller's transaction."""
    if not subscriptions.current():
        return
    attached = {
        event.ticket.pk
        for event in events
        if event.kind == EventKind.ATTACHED and event.ticket.parent_id is not None
    }
    if not attached:
        return
    Notification.objects.filter(
        ticket__in=attached,
        kind=MessageKind.TICKET_CREATED,
        state=NotificationState.QUEUED,
        forced=False,
        channel__owner_id=None,
    ).update(
        state=NotificationState.DEAD,
        outcome=Outcome.OBSOLETE,
        error="No longer needed: its ticket was attached to another one, which is told of.",
        ended_at=Now(),
    )
