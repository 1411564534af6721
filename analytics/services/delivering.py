"""Sending reports: each receiver a mail of their own, with what they may see.

    claim (lease) ─► figures ─► a mail to the next receiver ─► note that it left ─► … ─► done

Who has got it is noted after each mail, so a worker that dies sends at most one of them twice, with the same
Message-ID. A mail server that is away is asked again later, for a day.
"""

import hashlib
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from django.db import transaction

from analytics.models import ReportDelivery, ReportSchedule
from analytics.services.letters import Letter, Letters
from analytics.services.reporting import NotCounted
from analytics.services.scheduling import bury_reports
from sla.retrying import Result, Verdict
from sla.services.mailing import send_mail
from tickets.querysets import hidden_department_ids
from workers import leases
from workers.dispatch import enqueue_each
from workers.keeping import kept
from workers.leases import Claim
from workers.names import TaskName
from workers.stopping import stopping_for

log = structlog.get_logger("analytics.reports")

LEASE: Final = timedelta(seconds=90)
GIVE_UP: Final = timedelta(hours=24)
LONGEST_PAUSE: Final = 3600.0  # seconds
#: Begins what the mail server said for ever: who was refused so is not sent it again.
REFUSED: Final = "Refused for good. "


class Receiver(NamedTuple):
    address: str
    hidden: frozenset[int]  # departments that they may not see


class _Lost(Exception):
    """Somebody else has the delivery."""


class MayNotRead(Exception):
    """The message says why."""


#: One at a time in a process: with its attachment a report takes some 50 MB, and all are due at the same hour.
_ONE: Final = threading.Lock()
_ASKED: Final[deque[int]] = deque()
#: For so long one thread goes on. RabbitMQ takes a message back that is held for half an hour.
TURN_SECONDS: Final = 300.0


def send_reports(*, ids: Sequence[int], now: datetime) -> int:
    """Send those of `ids` that are free. Returns how many mails left.

    While another thread of this process sends, it is that one which goes on with `ids`. What is left when its turn
    is over, or its worker is being stopped, gets messages again.
    """
    _ASKED.extend(ids)
    sent, end = 0, time.monotonic() + TURN_SECONDS
    while _ASKED and _ONE.acquire(blocking=False):
        try:
            while _ASKED:
                pk = _ASKED.popleft()
                if stopping_for() or time.monotonic() > end:
                    enqueue_each(TaskName.ANALYTICS_SEND_REPORTS, [pk])
                else:
                    sent += _send(pk, now)
        finally:
            _ONE.release()
    return sent


def _send(pk: int, now: datetime) -> int:
    held = leases.claim(ReportDelivery, [pk], lease=LEASE)
    if not held.ids:
        return 0
    delivery = ReportDelivery.objects.select_related("schedule__department").get(pk=pk)
    before = len(delivery.sent_to)
    try:
        with kept(ReportDelivery, held, lease=LEASE):
            later = _send_to_all(delivery, held)
        _end(delivery, held, later, now)
    except _Lost:
        log.warning("report was taken over", delivery=pk)
    except Exception as error:  # whatever is in the tickets: its row says it
        _fail(delivery, held, error)
    return len(delivery.sent_to) - before


def _send_to_all(delivery: ReportDelivery, held: Claim) -> Result | None:
    """Send to those who have not got it. Returns why somebody must be asked again later, or nothing."""
    schedule = delivery.schedule
    found, left_out = receivers_of(schedule)
    for_good = {who: why for who, why in delivery.left_out.items() if why.startswith(REFUSED)}
    found.sort(
        key=lambda receiver: sorted(receiver.hidden)
    )  # who see the same, one after the other
    letters = Letters(schedule, delivery.period)
    _note(delivery, held, left_out=left_out | for_good)
    later = None
    for receiver in found:
        if receiver.address in delivery.sent_to or receiver.address in for_good:
            continue
        try:
            letter = letters.for_eyes(receiver.hidden)
        except NotCounted as error:
            return Result(Verdict.PAUSE, None, str(error))
        result = _mail(delivery, receiver.address, letter)
        if result.verdict is Verdict.SENT:
            _note(delivery, held, sent_to=[*delivery.sent_to, receiver.address])
        elif result.verdict is Verdict.PAUSE:
            return result
        elif result.verdict is Verdict.RETRY:  # their mailbox, perhaps: it holds nobody else up
            later = result
        else:
            why = f"{REFUSED}{result.error}"
            _note(delivery, held, left_out={**delivery.left_out, receiver.address: why})
    return later


def receivers_of(schedule: ReportSchedule) -> tuple[list[Receiver], dict[str, str]]:
    """Return who gets the report, once each, and who does not, with the reason."""
    found: dict[str, Receiver] = {}
    left_out: dict[str, str] = {}
    for person in schedule.people.order_by("pk"):
        if why := _obstacle(person, schedule) or _no_address(person):
            left_out[person.get_username()] = f"{person.get_username()} {why}."
        else:
            hidden = frozenset(hidden_department_ids(person))
            found.setdefault(person.email.lower(), Receiver(person.email, hidden))
    for address in schedule.addresses:
        by: Any = schedule.addresses_by
        why = _obstacle(by, schedule) if by else "is no longer known"
        if why:
            who = by.get_username() if by else "Who entered it"
            left_out[address] = f"{who}, who entered it, {why}." if by else f"{who} {why}."
        else:
            hidden = frozenset(hidden_department_ids(by))
            found.setdefault(address.lower(), Receiver(address, hidden))
    return list(found.values()), left_out


def _no_address(person: Any) -> str:
    return "" if person.email else "has no mail address"


def _obstacle(person: Any, schedule: ReportSchedule) -> str:
    """Why `person` may not read the report; empty when they may."""
    if not person.is_active:
        return "is not active"
    if not person.has_perm("tickets.view_ticket"):
        return "may not see tickets"
    if schedule.department_id in hidden_department_ids(person):
        return f"may not see {schedule.department}"
    return ""


def _mail(delivery: ReportDelivery, address: str, letter: Letter) -> Result:
    digest = hashlib.sha256(address.lower().encode()).hexdigest()[:16]
    return send_mail(
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        receivers=[address],
        unique=f"report-{delivery.pk}-{digest}",
        files=letter.files,
    )


def _note(delivery: ReportDelivery, held: Claim, **values: Any) -> None:
    """Write what has happened, if the delivery is still ours.

    :raises _Lost: it is not.
    """
    mine = ReportDelivery.objects.filter(pk=delivery.pk, lease_token=held.token)
    if not mine.update(**values):
        raise _Lost
    for name, value in values.items():
        setattr(delivery, name, value)


@transaction.atomic(durable=True)
def _end(delivery: ReportDelivery, held: Claim, later: Result | None, now: datetime) -> None:
    since = delivery.revived_at or delivery.created_at
    if later is not None and now - since < GIVE_UP:
        pause = min(60.0 * 2**delivery.tries, LONGEST_PAUSE)
        _note(delivery, held, tries=delivery.tries + 1)
        leases.put_back(ReportDelivery, held, delivery.pk, seconds=pause)
        ReportDelivery.objects.filter(pk=delivery.pk).update(error=later.error)
    elif later is not None:
        _give_up(delivery, held, f"Not all could be sent it within a day: {later.error}")
    elif not delivery.sent_to:
        _give_up(delivery, held, _nobody(delivery))
    else:
        leases.finish(ReportDelivery, held, [delivery.pk])


def _nobody(delivery: ReportDelivery) -> str:
    reasons = " ".join(delivery.left_out.values())
    return f"Nobody could be sent it. {reasons or 'The schedule names nobody.'}"


def _give_up(delivery: ReportDelivery, held: Claim, why: str) -> None:
    if leases.give_back(ReportDelivery, held, delivery.pk, error=why, max_attempts=1):
        bury_reports([delivery.pk])


@transaction.atomic(durable=True)
def _fail(delivery: ReportDelivery, held: Claim, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"[:2000]
    log.warning("report failed", delivery=delivery.pk, error=reason, exc_info=error)
    if leases.give_back(ReportDelivery, held, delivery.pk, error=reason):
        bury_reports([delivery.pk])


def preview(*, schedule: ReportSchedule, reader: Any, now: datetime) -> Letter:
    """The report of the last whole period as `reader` would get it, without the tickets.

    :raises MayNotRead: they would not get it.
    :raises NotCounted: its figures are not there yet.
    """
    if why := _obstacle(reader, schedule):
        raise MayNotRead(f"{reader.get_username()} {why}.")
    letters = Letters(schedule, schedule.rhythm.newest_whole(now), with_files=False)
    return letters.for_eyes(frozenset(hidden_department_ids(reader)))
