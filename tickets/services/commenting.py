"""Comments. A public one by an agent is the first response."""

from datetime import datetime

from django.db import transaction

from tickets.models import Comment, EventKind, Ticket
from tickets.services.recording import (
    Change,
    NewEvent,
    index_for_search,
    insert_events,
    lock,
    record_changes,
)
from tickets.signals import tickets_changed
from workers.context import current_request_id


@transaction.atomic(durable=True)
def comment_on(*, ticket: Ticket, body: str, public: bool, actor: str, now: datetime) -> Comment:
    """Add a comment, its event and its words to the search, and note the first response."""
    [ticket] = lock([ticket.pk])
    comment = Comment.objects.create(
        ticket=ticket, body=body, public=public, author=actor, created_at=now
    )
    first = {"first_response_at": now} if public and ticket.first_response_at is None else {}
    record_changes([Change(ticket, {}, silent=first or {"updated_at": now})], actor=actor, now=now)
    event = NewEvent(
        ticket,
        EventKind.COMMENTED,
        {"comment": [None, comment.pk], "public": [None, public]},
        actor,
        "",
        current_request_id(),
        now,
    )
    insert_events([event])
    index_for_search([ticket.pk])
    tickets_changed.send(Ticket, tickets=[ticket], events=[event])
    return comment
