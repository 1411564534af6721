"""Mailboxes: made, changed, and read by one worker at a time.

    claim (lease) ─► fetch a mail ─► T: what it becomes, that it came, how far we are ─► mark it as read over there

A worker that dies anywhere between loses nothing: what was not committed is fetched again, what was not marked is
marked next time, and a mail that is known changes nothing.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from servers.models import Integration, Mailbox, MailMessage, MailResult, Source
from servers.services.imap import Folder, MailboxFailed, opened
from servers.services.mails import Place, note_unread, take_mail
from workers import outgoing
from workers.addresses import Refused
from workers.dispatch import enqueue_each
from workers.encryption import encrypt
from workers.names import TaskName

log = structlog.get_logger("servers.mail")

#: Far above what one mail can take.
LEASE_SECONDS: Final = 180
#: Mails of one run; more are left for the next, which follows at once.
MOST_IN_RUN: Final = 100
#: So often a mail may be begun; then it is passed over, for it killed its worker each time.
MOST_TRIES: Final = 3
PAUSE: Final = timedelta(seconds=25)  # a little less than beat's interval
LONGEST_PAUSE: Final = timedelta(hours=1)
#: So many failures in a row are worth a look.
LOOK_AFTER: Final = 3
_TABLE: Final = Mailbox._meta.db_table


class _Lost(Exception):
    """Somebody else reads the mailbox now."""


def problems(values: dict[str, Any], *, mailbox: Mailbox | None = None) -> dict[str, list[str]]:
    """What is wrong with a new mailbox, or with these changes of one: field -> messages.

    `values` are columns, and `password`. Looks the host up, which may take seconds.
    """
    errors: dict[str, list[str]] = {}
    integration: Integration | None = values.get("integration")
    if integration is not None and integration.source != Source.EMAIL:
        errors["integration"] = ["Choose an integration whose source is email."]
    if mailbox is None and not values.get("password"):
        errors["password"] = ["Give the password of the mailbox."]
    host = values.get("host")
    if host:
        try:
            outgoing.check_address(f"https://{host}/")
        except Refused as error:
            errors["host"] = [str(error)]
    return errors


@transaction.atomic
def save_mailbox(*, mailbox: Mailbox | None, values: dict[str, Any]) -> Mailbox:
    """Make or change a mailbox by values without `problems`. It gets a fresh start; another place is read from
    its beginning."""
    columns = dict(values)
    if password := columns.pop("password", ""):
        columns["encrypted_password"] = encrypt(password)
    if mailbox is None:
        return Mailbox.objects.create(**columns)
    if any(columns.get(name, old) != old for name, old in _place(mailbox).items()):
        columns |= {"uidvalidity": None, "last_uid": 0}
    columns |= {"failures": 0, "last_error": "", "next_at": Now()}
    # Whoever reads it now does so with the old values, and shall not write how far.
    columns |= {"lease_token": None, "lease_until": None}
    Mailbox.objects.filter(pk=mailbox.pk).update(**columns)
    mailbox.refresh_from_db()
    return mailbox


def _place(mailbox: Mailbox) -> dict[str, Any]:
    return {name: getattr(mailbox, name) for name in ("host", "user", "folder", "since")}


@transaction.atomic
def read_soon(*, ids: Sequence[int]) -> None:
    """Have mailboxes read without waiting for their time."""
    Mailbox.objects.filter(pk__in=ids).update(next_at=Now(), failures=0)
    enqueue_each(TaskName.SERVERS_READ_MAIL, ids)


def read_mailboxes(*, now: datetime, ids: Sequence[int] | None = None) -> int:
    """Read every mailbox that is due, one after another, or those of `ids`. Returns how many mails were taken."""
    taken = 0
    while (mailbox := _claim(ids)) is not None:
        taken += _read(mailbox, now)
    return taken


def mailbox_findings(now: datetime) -> list[str]:
    """What a person should look at, as sentences."""
    found = [
        f"Mailbox {box} cannot be read: {box.last_error}"
        for box in Mailbox.objects.filter(enabled=True, failures__gte=LOOK_AFTER).order_by("pk")
    ]
    waiting = MailMessage.objects.filter(
        result__in=[MailResult.FAILED, MailResult.HELD],
        received_at__gt=now - timedelta(days=settings.MAIL_DAYS),
    ).count()
    if waiting:
        found.append(f"{waiting} mails wait for a decision (admin, Mails).")
    return found


@transaction.atomic(durable=True)
def _claim(ids: Sequence[int] | None) -> Mailbox | None:
    """Take a mailbox that is due and that nobody reads."""
    chosen = "AND m.id = ANY(%(ids)s)" if ids is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_TABLE} SET lease_token = %(token)s,
                       lease_until = statement_timestamp() + make_interval(secs => {LEASE_SECONDS})
                 WHERE id = (SELECT m.id FROM {_TABLE} m
                               JOIN {Integration._meta.db_table} i ON i.id = m.integration_id
                              WHERE m.enabled AND i.enabled AND m.next_at <= statement_timestamp() {chosen}
                                AND (m.lease_until IS NULL OR m.lease_until < statement_timestamp())
                              ORDER BY m.next_at LIMIT 1 FOR UPDATE OF m SKIP LOCKED)
             RETURNING id""",
            {"token": uuid.uuid4(), "ids": list(ids or ())},
        )
        row = cursor.fetchone()
    rows = Mailbox.objects.select_related(
        "integration", "integration__department", "integration__group"
    )
    return rows.get(pk=row[0]) if row else None


def _read(mailbox: Mailbox, now: datetime) -> int:
    taken, error, more = 0, "", False
    try:
        with opened(mailbox) as folder:
            _start(mailbox, folder)
            _mark(mailbox, folder)
            waiting = folder.sizes_after(
                mailbox.last_uid, since=mailbox.since, most=MOST_IN_RUN + 1
            )
            more = len(waiting) > MOST_IN_RUN
            for uid, size in waiting[:MOST_IN_RUN]:
                _take(mailbox, folder, uid, size, now)
                taken += 1
            _mark(mailbox, folder)
    except MailboxFailed as failure:
        error = str(failure)
        log.warning("mailbox not read", mailbox=mailbox.pk, error=error)
    except _Lost:
        return taken
    _release(mailbox, error, now, at_once=more)
    return taken


def _start(mailbox: Mailbox, folder: Folder) -> None:
    """Other UIDs than last time: begin again. What is known will change nothing."""
    if mailbox.uidvalidity != folder.uidvalidity:
        mailbox.uidvalidity, mailbox.last_uid = folder.uidvalidity, 0
        _keep(mailbox, uidvalidity=folder.uidvalidity, last_uid=0)


def _take(mailbox: Mailbox, folder: Folder, uid: int, size: int, now: datetime) -> None:
    place = Place(folder.uidvalidity, uid)
    error = ""
    if size > settings.MESSAGE_MAX_MB * 1024 * 1024:
        megabytes = size / 1024 / 1024
        error = f"It has {megabytes:.1f} MB; at most {settings.MESSAGE_MAX_MB} MB are read."
    elif _begin(mailbox, uid) > MOST_TRIES:
        error = f"A worker died {MOST_TRIES} times while it read this mail."
    raw = None if error else folder.fetch(uid)
    with transaction.atomic(durable=True):
        _keep(mailbox, last_uid=uid, trying_uid=None, tries=0)
        if raw is not None:
            take_mail(integration=mailbox.integration, raw=raw, now=now, place=place)
        elif error:
            note_unread(integration=mailbox.integration, place=place, error=error, now=now)
    mailbox.last_uid = uid


def _begin(mailbox: Mailbox, uid: int) -> int:
    """Count that this mail is begun, and return how often it was."""
    tries = mailbox.tries + 1 if mailbox.trying_uid == uid else 1
    _keep(mailbox, trying_uid=uid, tries=tries)
    return tries


def _keep(mailbox: Mailbox, **values: Any) -> None:
    """Write how far we are and hold the mailbox for longer.

    :raises _Lost: it is no longer ours.
    """
    ours = Mailbox.objects.filter(pk=mailbox.pk, lease_token=mailbox.lease_token)
    until = Now() + timedelta(seconds=LEASE_SECONDS)
    if not ours.update(lease_until=until, **values):
        raise _Lost


def _mark(mailbox: Mailbox, folder: Folder) -> None:
    """Mark over there what was taken here, now or before a worker died."""
    unmarked = MailMessage.objects.filter(
        integration=mailbox.integration, marked=False, uidvalidity=folder.uidvalidity
    )
    uids = [uid for uid in unmarked.order_by("uid").values_list("uid", flat=True) if uid]
    if uids:
        folder.mark(uids, move_to=mailbox.move_to)
        unmarked.filter(uid__in=uids).update(marked=True)


@transaction.atomic(durable=True)
def _release(mailbox: Mailbox, error: str, now: datetime, *, at_once: bool) -> None:
    """Let the mailbox go until its next time: later and later while it fails."""
    pause = timedelta(0) if at_once else PAUSE
    if error:
        pause = min(PAUSE * 2 ** min(mailbox.failures, 12), LONGEST_PAUSE)
    Mailbox.objects.filter(pk=mailbox.pk, lease_token=mailbox.lease_token).update(
        lease_token=None,
        lease_until=None,
        trying_uid=None,
        tries=0,
        next_at=Now() + pause,
        last_error=error[:500],
        failures=F("failures") + 1 if error else 0,
        read_at=F("read_at") if error else now,
    )
