"""Comments. A public one by an agent is the first response; one by the requester ends a wait for him."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from tickets.files import NewFile
from tickets.lifecycle import Status
from tickets.models import Comment, EventKind, Ticket
from tickets.services.changing import TicketMerged, moved
from tickets.services.filing import check_sizes, insert_files, names_of
from tickets.services.recording import Change, lock_family, record_changes


@transaction.atomic
def comment_on(
    *,
    ticket: Ticket,
    body: str,
    public: bool,
    actor: str,
    now: datetime,
    from_requester: bool = False,
    files: Sequence[NewFile] = (),
) -> Comment:
    """Add a comment, its event and its words to the search, and note the first response.

    An agent's public one is an answer on the tickets attached to this one, too.

    What the requester says is public. It reopens a ticket that was on hold or resolved: somebody must look at it.
    Joins a transaction that is open already.

    :raises TicketGone: it was deleted.
    :raises TicketMerged: nobody looks at this one any more.
    :raises UnknownNames: one of `files` is too large.
    """
    check_sizes([(file.name, len(file.data)) for file in files])
    ticket = lock_family(ticket.pk)
    if ticket.merged_into_id is not None:
        raise TicketMerged(ticket)
    public = public or from_requester
    comment = Comment.objects.create(
        ticket=ticket,
        body=body,
        public=public,
        from_requester=from_requester,
        author=actor,
        created_at=now,
    )
    answers = public and not from_requester and ticket.first_response_at is None
    said: dict[str, list[Any]] = {"comment": [None, comment.pk], "public": [None, public]}
    if from_requester:
        said["from_requester"] = [None, True]
    if files:
        made = insert_files(files, ticket, comment, actor, now)
        said["attachments"] = [None, names_of(made)]
    first = {"first_response_at": now} if answers else {}
    changes = [Change(ticket, {}, kind=EventKind.COMMENTED, silent=first, beside=said)]
    status = Status(ticket.status)
    if from_requester and status in (Status.ON_HOLD, Status.RESOLVED):
        reason = "The requester answered."
        changes.append(moved(ticket, status, Status.OPEN, now, reason))
    record_changes(changes, actor=actor, now=now)
    return comment
