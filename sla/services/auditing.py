"""Proving that nothing due was missed: one look at the index that the checks read."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import httpx
import structlog
from django.conf import settings
from django.db import connection

from sla.models import SlaClock
from workers import services as work
from workers.clock import present, sql_present
from workers.models import Heartbeat
from workers.words import number_of

log = structlog.get_logger("sla.audit")

#: Whose sign of life shows that the auditor ran, and whose that it found everything in order.
RAN: Final = "sla.audit"
AUDIT_LATE: Final = timedelta(minutes=6)
_PING_SECONDS: Final = 5.0


class Audit(NamedTuple):
    """How late the oldest due clock is, and how many are later than allowed."""

    lateness: timedelta
    missed: int
    broken: int  # clocks that cannot be checked

    @property
    def clean(self) -> bool:
        return not (self.missed or self.broken)


def look() -> Audit:
    """Two reads of small indexes, whatever number of clocks runs."""
    table, now = SlaClock._meta.db_table, sql_present()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT greatest({now} - min(next_check_at), interval '0'),
                       count(*) FILTER (WHERE next_check_at < {now} - make_interval(secs => %s))
                  FROM (SELECT next_check_at FROM {table} WHERE next_check_at <= {now}
                         ORDER BY next_check_at LIMIT 10000) due""",
            [limit_of_lateness().total_seconds()],
        )
        lateness, missed = cursor.fetchone()
        cursor.execute(
            f"SELECT count(*) FROM {table} WHERE failures > 0 AND next_check_at IS NOT NULL"
        )
        return Audit(lateness or timedelta(0), missed, cursor.fetchone()[0])


def audit() -> float:
    """Look, say so, and tell whoever watches from outside that all is well. Returns the lateness in seconds."""
    found = look()
    work.beat(name=RAN)
    if not found.clean:
        log.error(
            "clocks were not checked in time, or cannot be",
            missed=found.missed,
            broken=found.broken,
            seconds=found.lateness.total_seconds(),
        )
    elif settings.SLA_HEARTBEAT_URL:
        _ping(settings.SLA_HEARTBEAT_URL)
    return found.lateness.total_seconds()


def findings(now: datetime | None = None) -> list[str]:
    """What breaks the promise that nothing is missed, as sentences: `/health` fails with any of them."""
    found, now = look(), now or present()
    sentences = []
    if found.missed:
        sentences.append(
            f"{number_of(found.missed, 'SLA clock is due and was', 'SLA clocks are due and were')} not checked, "
            "the oldest for "
            f"{found.lateness.total_seconds():.0f} s: is a worker of queue sla running?"
        )
    if found.broken:
        sentences.append(
            f"{number_of(found.broken, 'SLA clock', 'SLA clocks')} cannot be checked, "
            f"such as that of {_example()}."
        )
    ran = Heartbeat.objects.filter(name=RAN).values_list("beat_at", flat=True).first()
    if ran is not None and now - ran > AUDIT_LATE:
        sentences.append(f"The SLA auditor has not run since {ran:%Y-%m-%d %H:%M:%S} UTC.")
    return sentences


def _example() -> str:
    clock = SlaClock.objects.filter(failures__gt=0, next_check_at__isnull=False).first()
    return f"ticket #{clock.ticket_id}: {clock.error[:200]}" if clock else "a ticket that has ended"


def limit_of_lateness() -> timedelta:
    """A tick, a lease and a run: while a worker lives, nothing is found later than that."""
    return timedelta(seconds=settings.SLA_CHECK_SECONDS + settings.SLA_LEASE_SECONDS + 30)


def _ping(url: str) -> None:
    """The address may hold a secret: it is in no log."""
    try:
        httpx.get(url, timeout=_PING_SECONDS, follow_redirects=False).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        log.warning("the heartbeat address did not answer", error=type(error).__name__)
