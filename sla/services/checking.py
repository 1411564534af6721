"""Finding what is due: deadlines and levels of escalation that running clocks have reached.

Everything about a chunk of clocks is one transaction: what was reached, what was done about it, who is told, and
when to look again. A worker that dies leaves nothing behind; one that freezes is thrown out by the database after
`SLA_LEASE_SECONDS`, which frees its clocks for others. Who was only slow takes fewer the next time. Time is the
database's.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from psycopg.errors import IdleInTransactionSessionTimeout

from sla.models import ClockKind, ClockState, SlaClock
from sla.promises import promise_of
from sla.services import clockwork
from sla.services.escalating import ACTOR, Reached, escalate
from sla.services.feed import nudge_feed
from sla.services.writing import Entered, read_due, write_clocks
from tickets.models import Ticket
from tickets.services.recording import lock_free
from workers.clock import sql_present
from workers.sql import throw_out_when_frozen

log = structlog.get_logger("sla.check")

CHUNK: Final = 500
#: One run goes on while something is due, but leaves its worker to others after so long.
RUN_SECONDS: Final = 40.0
#: How often this process halves its chunks: once more for each that was thrown out, so that the next gets through.
_halvings = 0


class Checked(NamedTuple):
    """What one chunk came to."""

    found: int  # clocks that were due
    reached: int  # levels that were acted on


def check_clocks() -> int:
    """Escalate whatever is due. Returns how many levels were acted on. Any number may run at once."""
    end, reached = time.monotonic() + RUN_SECONDS, 0
    while True:
        checked = _check_safely(end)
        reached += checked.reached
        if not checked.found or time.monotonic() > end:
            break
    return reached


def _check_safely(end: float) -> Checked:
    global _halvings
    began, limit = time.monotonic(), max(CHUNK >> _halvings, 1)
    try:
        checked = check_chunk(limit=limit)
        # Twice as many must not take the whole lease.
        if checked.found >= limit and time.monotonic() - began < settings.SLA_LEASE_SECONDS / 4:
            _halvings = max(_halvings - 1, 0)
        return checked
    except Exception as error:
        if limit > 1 and isinstance(error.__cause__, IdleInTransactionSessionTimeout):
            _halvings += 1
            log.warning("a chunk of clocks took longer than its lease; half as many", clocks=limit)
            return Checked(limit, 0)
        if _cut_off(error):
            raise  # the next tick goes on
        log.warning("a chunk of clocks failed; one by one", error=type(error).__name__)
    # One clock spoils the work for all: take them alone, so that only that one is set aside.
    found = reached = 0
    for pk in _due_ids(CHUNK):
        if time.monotonic() > end:
            break
        found += 1
        try:
            reached += check_chunk(limit=1, only=[pk]).reached
        except Exception as error:
            if _cut_off(error):
                raise
            _set_aside([(pk, f"{type(error).__name__}: {error}")])
    return Checked(found, reached)


def _cut_off(error: Exception) -> bool:
    """Whether the time is up, or the database threw us out or went away: then no clock is to blame."""
    lost = connection.connection is None or connection.connection.closed
    return lost or isinstance(error, SoftTimeLimitExceeded)


@transaction.atomic(durable=True)
def check_chunk(*, limit: int, only: Sequence[int] | None = None) -> Checked:
    """Look at up to `limit` clocks that are due and that nobody else holds (of `only`, when given)."""
    throw_out_when_frozen(settings.SLA_LEASE_SECONDS)
    now, clocks = read_due(limit, only)
    tickets = {ticket.pk: ticket for ticket in lock_free({c.ticket_id for c in clocks})}
    mine = [clock for clock in clocks if clock.ticket_id in tickets]
    reached: list[Reached] = []
    entered: list[Entered] = []
    broken: list[tuple[int, str]] = []
    checked: list[SlaClock] = []
    for clock in mine:
        try:
            found = look_at(clock, tickets[clock.ticket_id], now)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:  # the other clocks' escalations stand
            broken.append((clock.pk, f"{type(error).__name__}: {error}"))
            continue
        if clock.breached_at is not None and found.breached_now:
            details = {"late_seconds": round((now - clock.breached_at).total_seconds(), 3)}
            entered.append(Entered(clock, ClockKind.BREACH, clock.breached_at, ACTOR, details))
        reached += found.reached
        checked.append(clock)
    write_clocks(checked, entered, checked=True)
    if broken:
        _postpone(broken)
    acted = escalate(reached=reached, checked=checked, tickets=tickets, now=now)
    if acted:
        transaction.on_commit(nudge_feed)
    return Checked(len(mine), acted)


class Look(NamedTuple):
    reached: list[Reached]
    breached_now: bool


def look_at(clock: SlaClock, ticket: Ticket, now: datetime) -> Look:
    """Move one clock on to `now`: note its breach, collect the levels it reached, and when to look next.

    Of several levels reached at once only the highest is acted on; the others are recorded as skipped.
    """
    promise = promise_of(clock.version_id)
    stood_due_since = clock.next_check_at or now
    running = clock.state == ClockState.RUNNING
    breached_now = bool(
        running and clock.breached_at is None and clock.due_at and clock.due_at <= now
    )
    if breached_now:
        clock.breached_at = clock.due_at
    reached: list[Reached] = []
    acknowledged = clock.acknowledged_until is not None and clock.acknowledged_until > now
    if running and not acknowledged:
        elapsed = clock.counted + promise.hours.between(clock.running_since or now, now)
        for number, level in clockwork.levels_above(clock, promise):
            at = clockwork.reached_at(clock, promise, level)
            if at > now:
                break
            reached.append(
                Reached(clock, ticket, promise, number, level, at, stood_due_since, elapsed)
            )
        if reached:
            clock.level = reached[-1].number
    clock.next_check_at = clockwork.next_check(clock, promise)
    return Look(reached, breached_now)


def _due_ids(limit: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT id FROM {SlaClock._meta.db_table} WHERE next_check_at <= {sql_present()}
                 ORDER BY next_check_at LIMIT %s""",
            [limit],
        )
        return [pk for (pk,) in cursor.fetchall()]


@transaction.atomic(durable=True)
def _set_aside(broken: Sequence[tuple[int, str]]) -> None:
    _postpone(broken)


def _postpone(broken: Sequence[tuple[int, str]]) -> None:
    """Try clocks that cannot be checked again later: after 2, 4, 8 … minutes, at most an hour."""
    for pk, error in broken:
        log.error("clock cannot be checked", clock=pk, error=error[:300])
        with connection.cursor() as cursor:
            cursor.execute(
                f"""UPDATE {SlaClock._meta.db_table}
                       SET failures = least(failures + 1, 1000), error = %s,
                           next_check_at = {sql_present()} + least(power(2, least(failures, 6) + 1), 60)
                                                   * interval '1 minute'
                     WHERE id = %s AND next_check_at IS NOT NULL""",
                [error[:2000], pk],
            )
