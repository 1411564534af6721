"""Files come to tickets and go."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from tickets.files import NewFile, clean_name, clean_type, problems
from tickets.models import Attachment, Comment, Content, EventKind, Ticket
from tickets.services.changing import TicketMerged, UnknownNames
from tickets.services.recording import Change, lock_one, record_changes

#: Content that nothing names any more is kept for so long.
UNUSED: Final = timedelta(hours=1)


@transaction.atomic
def attach_files(
    *,
    ticket: Ticket,
    files: Sequence[NewFile],
    actor: str,
    now: datetime,
    comment: Comment | None = None,
) -> list[Attachment]:
    """Keep `files` with a ticket or one of its comments. Joins a transaction that is open already.

    :raises TicketGone: it was deleted.
    :raises TicketMerged: nobody looks at this one any more.
    :raises UnknownNames: one of them is too large.
    """
    check_sizes([(file.name, len(file.data)) for file in files])
    ticket = lock_one(ticket.pk)
    if ticket.merged_into_id is not None:
        raise TicketMerged(ticket)
    made = insert_files(files, ticket, comment, actor, now)
    if made:
        beside = {"attachments": [None, names_of(made)]}
        change = Change(ticket, {}, kind=EventKind.FILE_ADDED, beside=beside)
        record_changes([change], actor=actor, now=now)
    return made


@transaction.atomic
def remove_attachment(*, attachment: Attachment, actor: str, now: datetime) -> None:
    """Take a file away. Its history keeps the name.

    :raises TicketGone: its ticket was deleted, and the file with it.
    """
    ticket = lock_one(attachment.ticket_id)
    if Attachment.objects.filter(pk=attachment.pk).delete()[0]:
        beside: dict[str, list[Any]] = {"attachments": [attachment.name, None]}
        change = Change(ticket, {}, kind=EventKind.FILE_REMOVED, beside=beside)
        record_changes([change], actor=actor, now=now)


def check_sizes(sizes: Sequence[tuple[str, int]]) -> None:
    """Check files of these names and bytes.

    :raises UnknownNames: one of them is too large, or all together are.
    """
    wrong = problems(sizes, most_mb=settings.ATTACHMENT_MAX_MB, together_mb=settings.MESSAGE_MAX_MB)
    if wrong:
        raise UnknownNames({"files": wrong})


def insert_files(
    files: Sequence[NewFile], ticket: Ticket, comment: Comment | None, actor: str, now: datetime
) -> list[Attachment]:
    """Write the rows of `files` in the caller's transaction, who locked the ticket."""
    digests = keep_contents([file.data for file in files])
    return Attachment.objects.bulk_create(
        [
            Attachment(
                ticket=ticket,
                comment=comment,
                content_id=digest,
                name=clean_name(file.name),
                content_type=clean_type(file.content_type),
                size=len(file.data),
                uploaded_by=actor,
                created_at=now,
            )
            for file, digest in zip(files, digests, strict=True)
        ]
    )


def names_of(attachments: Sequence[Attachment]) -> str:
    """How the history tells of files."""
    return ", ".join(attachment.name for attachment in attachments)


def keep_contents(contents: Sequence[bytes]) -> list[str]:
    """Keep each content once, in the caller's transaction, and return the names by which rows point to them."""
    digests = [hashlib.sha256(data).hexdigest() for data in contents]
    with connection.cursor() as cursor:
        # Sorted, so that two callers never wait for each other. An update, because it locks what is there
        # already: the removal of unused contents waits for us.
        for digest, data in sorted(dict(zip(digests, contents, strict=True)).items()):
            cursor.execute(
                f"""INSERT INTO {Content._meta.db_table} (sha256, data) VALUES (%s, %s)
                    ON CONFLICT (sha256) DO UPDATE SET sha256 = excluded.sha256""",
                [digest, data],
            )
    return digests


@transaction.atomic(durable=True)
def forget_unused_contents(now: datetime) -> int:
    """Remove contents that no row points to any more. Returns how many."""
    pointers: Any = Content._meta.related_objects
    nothing = {f"{pointer.name}__isnull": True for pointer in pointers}
    unused = Content.objects.filter(created_at__lt=now - UNUSED, **nothing).values_list("pk")
    # Whoever holds one is about to point to it. Those that we hold can get no new pointer, so that the second
    # look, which sees what was committed before our lock, is right.
    held = Content.objects.filter(pk__in=unused).select_for_update(skip_locked=True)
    digests = list(held.values_list("pk", flat=True))
    still = Content.objects.filter(pk__in=digests, **nothing).values_list("pk", flat=True)
    with connection.cursor() as cursor:  # the ORM would read them all first
        cursor.execute(
            f"DELETE FROM {Content._meta.db_table} WHERE sha256 = ANY(%s)", [list(still)]
        )
        return int(cursor.rowcount)
