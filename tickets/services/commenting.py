"""Comments. A public one by an agent is the first response."""

from datetime import datetime
from typing import Any

from django.db import transaction

from tickets.models import Comment, EventKind, Ticket
from tickets.services.recording import Change, lock, record_changes


@transaction.atomic(durable=True)
def comment_on(*, ticket: Ticket, body: str, public: bool, actor: str, now: datetime) -> Comment:
    """Add a comment, its event and its words to the search, and note the first response."""
    [ticket] = lock([ticket.pk])
    comment = Comment.objects.create(
        ticket=ticket, body=body, public=public, author=actor, created_at=now
    )
    first = {"first_response_at": now} if public and ticket.first_response_at is None else {}
    said: dict[str, list[Any]] = {"comment": [None, comment.pk], "public": [None, public]}
    change = Change(ticket, {}, kind=EventKind.COMMENTED, silent=first, beside=said)
    record_changes([change], actor=actor, now=now)
    return comment
