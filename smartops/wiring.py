"""What happens when a ticket opens or changes: everything, in this order, in the same transaction."""

from typing import Any

from tickets.models import Ticket, TicketEvent
from tickets.signals import tickets_changed, tickets_opened
from triage import services as triage


def opened(sender: Any, *, tickets: list[Ticket], events: list[TicketEvent], **_: Any) -> None:
    triage.request_triage(tickets=tickets)


def changed(sender: Any, *, tickets: list[Ticket], events: list[TicketEvent], **_: Any) -> None:
    triage.react_to_changes(events=events)


def connect() -> None:
    tickets_opened.connect(opened, dispatch_uid="smartops.opened")
    tickets_changed.connect(changed, dispatch_uid="smartops.changed")
