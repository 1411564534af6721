"""Mails become tickets and comments: each once, in the transaction that also writes that it came."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import InterfaceError, OperationalError, transaction

from servers.mail.automatic import Automatic
from servers.mail.parsing import Mail, parse
from servers.models import Integration, MailMessage, MailResult
from servers.models.mail import HEARD
from servers.services.threads import agent_behind, ticket_of
from tickets import references, services
from tickets.files import NewFile, clean_name
from tickets.intake import DESCRIPTION_MAX_BYTES, TITLE_MAX, TicketIn
from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import Ticket
from tickets.services.changing import check_move
from tickets.services.filing import keep_contents

#: More mails than this from one sender within this time wait for a person: two programs answer each other.
MOST_FROM_ONE: Final = 30
WITHIN: Final = timedelta(minutes=10)
COMMENT_MAX: Final = 20_000  # bytes; the rest comes as a file
ACTOR: Final = "email"
_MB: Final = 1024 * 1024


@dataclass(frozen=True)
class _Became:
    result: MailResult
    detail: str = ""
    ticket: Ticket | None = None


@transaction.atomic
def take_mail(*, integration: Integration, raw: bytes, now: datetime) -> MailMessage:
    """Let a mail open a ticket, answer one, or be kept for what it is. A mail that is known changes nothing.

    One that cannot be worked on is kept with its error. Joins a transaction that is open already.
    """
    mail = parse(raw)
    row, is_new = MailMessage.objects.get_or_create(
        integration=integration,
        digest=mail.digest,
        defaults={
            "message_id": mail.message_id,
            "sender": mail.sender[:254],
            "subject": mail.subject,
            "received_at": now,
        },
    )
    if is_new:
        values = _work(mail, integration, row, now, by_hand=False)
        # Contents are locked after tickets, as everybody does who brings files.
        _set(row, {**values, "raw_id": keep_contents([raw])[0]})
    return row


def note_unread(*, integration: Integration, place: str, error: str, now: datetime) -> None:
    """Keep that a mail came which was not read, and why; `place` names it. The caller's transaction."""
    MailMessage.objects.get_or_create(
        integration=integration,
        digest=f"unread:{place}",
        defaults={"received_at": now, "detail": error[:500], "subject": "(not read)"},
    )


def retry_mails(*, ids: list[int], now: datetime) -> int:
    """Work again on mails that failed, were held or ignored: this time as if a person had written them.

    Each in a transaction of its own. Returns how many were there to work on.
    """
    return sum(_retry(pk, now) for pk in sorted(ids))


@transaction.atomic
def _retry(pk: int, now: datetime) -> bool:
    waiting = (MailResult.FAILED, MailResult.HELD, MailResult.IGNORED)
    rows = MailMessage.objects.select_for_update(of=("self",)).select_related("integration", "raw")
    row = rows.filter(pk=pk, result__in=waiting).first()
    if row is None or row.raw is None:
        return False
    mail = parse(bytes(row.raw.data))
    _set(row, _work(mail, row.integration, row, now, by_hand=True))
    return True


@transaction.atomic(durable=True)
def forget_old_mails(now: datetime) -> int:
    """Forget how mails came to us more than MAIL_DAYS ago; what they said stands in the tickets."""
    old = MailMessage.objects.filter(
        received_at__lt=now - timedelta(days=settings.MAIL_DAYS), raw__isnull=False
    )
    return old.update(raw=None)


def _set(row: MailMessage, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def _work(
    mail: Mail, integration: Integration, row: MailMessage, now: datetime, *, by_hand: bool
) -> dict[str, Any]:
    """What became of the mail, as columns of its row. Whatever goes wrong becomes its error."""
    Integration.objects.filter(pk=integration.pk).update(last_alert_at=now)
    try:
        try:
            with transaction.atomic():
                became = _become(mail, integration, row, now, by_hand=by_hand)
        except (services.TicketGone, services.TicketMerged):
            # Just now: whoever looks again sees what goes on for it, if anything does.
            with transaction.atomic():
                became = _become(mail, integration, row, now, by_hand=by_hand)
    except (OperationalError, InterfaceError):
        raise  # the database is away: it will be read again
    except Exception as error:  # one bad mail must not stop those behind it
        told = f"{type(error).__name__}: {error}"[:500]
        became = _Became(MailResult.FAILED, told, ticket_of(mail)[0])
    return {
        "result": became.result,
        "detail": became.detail,
        "ticket_id": became.ticket and became.ticket.pk,
    }


def _become(
    mail: Mail, integration: Integration, row: MailMessage, now: datetime, *, by_hand: bool
) -> _Became:
    if references.is_ours(mail.message_id) or mail.sender in _own_addresses(integration):
        return _Became(MailResult.IGNORED, "It came from this desk.")
    ticket, proven = ticket_of(mail)
    by_program = mail.automatic is not Automatic.NO and not by_hand
    welcome = mail.automatic is Automatic.GENERATED and _accepts_generated(integration)
    if by_program and ticket is None and not welcome:
        return _Became(MailResult.IGNORED, _AUTOMATIC[mail.automatic])
    if not by_hand and _too_many(mail, row, now):
        return _Became(
            MailResult.HELD,
            f"More than {MOST_FROM_ONE} mails of this sender within {WITHIN.seconds // 60} minutes.",
            ticket,
        )
    if ticket is None:
        return _open(mail, integration, now)
    if by_program:
        return _note(mail, ticket, now)
    return _answer(mail, integration, ticket, proven, now)


_AUTOMATIC: Final = {
    Automatic.GENERATED: "A program wrote it. The mailbox can be told to accept such mails.",
    Automatic.REPLY: "An automatic reply to no ticket.",
    Automatic.BOUNCE: "A mail that could not be delivered, about no ticket.",
}


def _own_addresses(integration: Integration) -> set[str]:
    mailbox = getattr(integration, "mailbox", None)
    own = {
        parseaddr(settings.DEFAULT_FROM_EMAIL)[1].lower(),
        mailbox.user.lower() if mailbox else "",
    }
    return own - {""}


def _accepts_generated(integration: Integration) -> bool:
    mailbox = getattr(integration, "mailbox", None)
    return mailbox is not None and mailbox.accept_generated


def _too_many(mail: Mail, row: MailMessage, now: datetime) -> bool:
    counted = (*HEARD, MailResult.NOTED, MailResult.HELD)
    lately = MailMessage.objects.filter(
        sender=mail.sender, received_at__gt=now - WITHIN, result__in=counted
    )
    return lately.exclude(pk=row.pk).count() >= MOST_FROM_ONE


def _open(
    mail: Mail, integration: Integration, now: datetime, *, after: Ticket | None = None
) -> _Became:
    files, notes = _files(mail)
    if after is not None:
        notes.insert(0, f"It answers ticket #{after.pk}, which can no longer be reopened.")
    text = _within(mail.text, notes, files, DESCRIPTION_MAX_BYTES)
    given = {
        "title": mail.title[:TITLE_MAX] or _first_line(mail.text) or "(no subject)",
        "description": text,
        "requester_name": mail.sender_name,
        "requester_email": mail.sender if _is_address(mail.sender) else "",
        "source": "email",
        "department": integration.department and integration.department.name,
        "group": integration.group and integration.group.name,
    }
    item = TicketIn.model_validate(
        {name: value for name, value in given.items() if value}, context={"now": now}
    )
    [outcome] = services.open_tickets(items=[item], actor=ACTOR, now=now)
    if outcome.ticket is None:
        raise ValidationError(outcome.errors)
    services.attach_files(ticket=outcome.ticket, files=files, actor=_author(mail), now=now)
    detail = f"After ticket {after.pk}, which was closed for too long." if after else ""
    return _Became(MailResult.OPENED, detail, outcome.ticket)


def _answer(
    mail: Mail, integration: Integration, ticket: Ticket, proven: bool, now: datetime
) -> _Became:
    agent = agent_behind(mail.sender, ticket)
    ended = CATEGORY[Status(ticket.status)] is Category.RESOLVED
    if agent is None and ended:
        try:
            check_move(ticket, Status(ticket.status), Status.OPEN, now)
        except services.IllegalMove:
            return _open(mail, integration, now, after=ticket)
    files, notes = _files(mail)
    body = _within(mail.said, notes, files, COMMENT_MAX)
    services.comment_on(
        ticket=ticket,
        body=body or "(no text)",
        # A sender's address is easily made up: what an agent says to the requester must answer a mail of ours.
        public=agent is None or proven,
        from_requester=agent is None,
        actor=agent.get_username() if agent else _author(mail),
        now=now,
        files=files,
    )
    if agent is not None or not ended:
        return _Became(MailResult.COMMENTED, "", ticket)
    services.move_tickets(
        ids=[ticket.pk],
        status=Status.OPEN,
        actor=_author(mail),
        now=now,
        reason="The requester answered.",
    )
    return _Became(MailResult.REOPENED, "", ticket)


def _note(mail: Mail, ticket: Ticket, now: datetime) -> _Became:
    """Keep a program's answer where agents see it. It moves nothing."""
    files: list[NewFile] = []
    said = _within(f"{mail.subject}\n\n{mail.said}".strip() or "(no text)", [], files, COMMENT_MAX)
    services.comment_on(
        ticket=ticket, body=said, public=False, actor=_author(mail), now=now, files=files
    )
    kind = (
        "A mail could not be delivered"
        if mail.automatic is Automatic.BOUNCE
        else "A program wrote it"
    )
    return _Became(MailResult.NOTED, f"{kind}: kept as an internal comment.", ticket)


def _files(mail: Mail) -> tuple[list[NewFile], list[str]]:
    """The mail's files that are small enough, and a line about each that is not."""
    kept: list[NewFile] = []
    notes = []
    for file in mail.files:
        if len(file.data) <= _room_beside(kept):
            kept.append(file)
        else:
            size = len(file.data) / _MB
            notes.append(f"{clean_name(file.name)} was left out: it has {size:.1f} MB.")
    return kept, notes


def _room_beside(files: Sequence[NewFile]) -> int:
    """How many bytes one more file may have."""
    together = settings.MESSAGE_MAX_MB * _MB - sum(len(file.data) for file in files)
    return min(settings.ATTACHMENT_MAX_MB * _MB, together)


def _within(text: str, notes: list[str], files: list[NewFile], most: int) -> str:
    """`text` with its notes in `most` bytes. What is longer is cut, and `files` get all of it."""
    told = "".join(f"\n\n[{note}]" for note in notes)
    whole = (text + told).strip()
    if len(whole.encode()) <= most:
        return whole
    kept = _cut(text, _room_beside(files))
    files.append(NewFile("message.txt", "text/plain", kept.encode()))
    told += "\n\n[The text goes on in message.txt.]"
    if kept != text:
        told += (
            f"\n\n[It has {len(text.encode()) / _MB:.1f} MB, of which message.txt holds the first.]"
        )
    return _cut(text, most - len(told.encode())) + told


def _cut(text: str, most: int) -> str:
    """What of a text goes into so many bytes."""
    return text.encode()[: max(most, 0)].decode("utf-8", "ignore")


def _first_line(text: str) -> str:
    return next((line.strip()[:TITLE_MAX] for line in text.splitlines() if line.strip()), "")


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _author(mail: Mail) -> str:
    return (mail.sender or mail.sender_name or ACTOR)[:150]
