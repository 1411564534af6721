"""What happens when a ticket opens or changes: everything, in this order, in the same transaction.

And what expires: every kind of row that the hourly purge removes.
"""

from datetime import datetime
from typing import Any

from django.contrib.sessions.models import Session
from knox.models import AuthToken

from sla import services as sla
from tickets.models import Ticket
from tickets.services.idempotency import forget_old_keys
from tickets.services.recording import NewEvent
from tickets.signals import tickets_changed, tickets_opened, tickets_opening
from triage import services as triage
from workers.services import PURGES


def opening(sender: Any, *, tickets: list[Ticket], **_: Any) -> None:
    sla.set_deadlines(tickets=tickets)


def opened(sender: Any, *, tickets: list[Ticket], **_: Any) -> None:
    sla.start_clocks(tickets=tickets)
    triage.request_triage(tickets=tickets)
    sla.announce_opened(tickets=tickets)


def changed(sender: Any, *, tickets: list[Ticket], events: list[NewEvent], **_: Any) -> None:
    triage.react_to_changes(events=events)
    triage.mark_reworded(events=events)
    triage.record_corrections(events=events)
    sla.follow(events=events)
    sla.announce_changes(events=events)


def forget_expired_tokens(now: datetime) -> int:
    return int(AuthToken.objects.filter(expiry__lt=now).delete()[0])


def forget_expired_sessions(now: datetime) -> int:
    return int(Session.objects.filter(expire_date__lt=now).delete()[0])


def connect() -> None:
    tickets_opening.connect(opening, dispatch_uid="smartops.opening")
    tickets_opened.connect(opened, dispatch_uid="smartops.opened")
    tickets_changed.connect(changed, dispatch_uid="smartops.changed")
    PURGES[:] = [
        forget_old_keys,
        forget_expired_tokens,
        forget_expired_sessions,
        sla.forget_old_notifications,
        triage.forget_old_shadows,
        triage.forget_old_models,
        triage.forget_old_drift,
        triage.forget_old_terms,
    ]
