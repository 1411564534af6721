"""The checks that are due: claimed, made, written, judged.

A claim is a lease by the database's clock. A worker that dies leaves checks that are claimed again when their
lease has run out; one that comes back late writes nothing, for its token no longer holds.
"""

import threading
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction

from servers.checks.assessing import Limits, Seen, assess
from servers.checks.judging import Standing, advance, still_counts
from servers.lifecycle import State
from servers.models import Cause, Check, CheckKind, CheckResult, Kind, Server
from servers.services.judging import judge_servers
from servers.services.probing import Probe, probe_all
from workers.addresses import Resolve
from workers.sql import as_json, insert_rows

#: So many are looked at together, each with a socket: too few for a process to run out of files.
CHUNK: Final = 500
#: Three times what the longest timeout allows.
LEASE_SECONDS: Final = 90
#: One run goes on while something is due, but leaves its worker to others after so long.
RUN_SECONDS: Final = 40.0
#: A check that is due for so long is worth a look.
LATE: Final = timedelta(minutes=5)
#: Of each check so many results stay.
KEPT_RESULTS: Final = 100
_TABLE: Final = Check._meta.db_table
_WRITTEN: Final = (
    *("verdict", "outcome", "streak", "checked_at", "last_result", "last_error", "next_at"),
)

#: One run in a process at a time: a second one would only compete with it for the processor, and keep a thread
#: from notifications. Other workers share the checks.
_running = threading.Lock()


def run_checks(*, now: datetime) -> int:
    """Make all checks that are due. Returns how many. Any number of workers may run this at once."""
    if not _running.acquire(blocking=False):
        return 0
    try:
        started, made = time.monotonic(), 0
        while (passed := time.monotonic() - started) < RUN_SECONDS:
            claimed = run_chunk(now=now + timedelta(seconds=passed))
            made += claimed
            if claimed < CHUNK:
                break
        return made
    finally:
        _running.release()


def run_chunk(*, now: datetime, limit: int = CHUNK, resolve: Resolve | None = None) -> int:
    """Make up to `limit` checks that are due. Returns how many were claimed."""
    token, ids = _claim(now, limit)
    if ids:
        checks = list(Check.objects.filter(pk__in=ids).select_related("server"))
        started = time.monotonic()
        seen = _look(checks, resolve)
        _write(token, checks, seen, now + timedelta(seconds=time.monotonic() - started))
    return len(ids)


def try_checks(*, checks: Sequence[Check]) -> list[tuple[State, str, Seen]]:
    """Look at targets now, all at once, and write nothing. Returns the outcome, why, and what was seen of each."""
    seen = probe_all([_probe(check) for check in checks])
    return [
        (*assess(found, _limits(check)), found) for check, found in zip(checks, seen, strict=True)
    ]


def _claim(now: datetime, limit: int) -> tuple[uuid.UUID, list[int]]:
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_TABLE} SET lease_token = %(token)s,
                       lease_until = now() + make_interval(secs => %(lease)s)
                 WHERE id IN (SELECT id FROM {_TABLE}
                               WHERE enabled AND next_at <= %(now)s
                                 AND (lease_until IS NULL OR lease_until < now())
                               ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
             RETURNING id""",
            {
                "token": token,
                "lease": LEASE_SECONDS,
                "now": now,
                "limit": limit,
            },
        )
        return token, [pk for (pk,) in cursor.fetchall()]


def _look(checks: Sequence[Check], resolve: Resolve | None) -> dict[int, Seen]:
    """What was seen, by id; of servers that are not watched, nothing."""
    watched = [
        check
        for check in checks
        if check.server.state != State.STOPPED and check.server.kind == Kind.MONITORED
    ]
    seen = probe_all([_probe(check) for check in watched], resolve=resolve)
    return {check.pk: found for check, found in zip(watched, seen, strict=True)}


@transaction.atomic(durable=True)
def _write(token: uuid.UUID, checks: Sequence[Check], seen: dict[int, Seen], now: datetime) -> None:
    """Write what was seen of the checks that are still ours, and what follows for their servers."""
    # As they are now: a person may have acted while we looked.
    servers = Server.objects.in_bulk({check.server_id for check in checks})
    results = {
        check.pk: _take_in(check, server, seen[check.pk], now)
        for check in checks
        if check.pk in seen and (server := servers.get(check.server_id))
    }
    rows = []
    for check in checks:
        check.next_at = now + timedelta(seconds=check.interval_seconds)
        rows.append({name: getattr(check, name) for name in ("id", *_WRITTEN)})
    mine, news = _finish(token, rows)
    insert_rows(CheckResult, [row for pk, row in results.items() if pk in mine])
    judge_servers(ids=news, trigger=Cause.CHECK, now=now)


def _take_in(check: Check, server: Server, seen: Seen, now: datetime) -> dict[str, Any]:
    """Move a check of `server` on by what was seen. Returns the row of its result."""
    outcome, reason = assess(seen, _limits(check))
    verdict = State(check.verdict) if check.verdict else None
    standing = Standing(verdict, State(check.outcome) if check.outcome else None, check.streak)
    if not still_counts(
        verdict,
        check.checked_at or now,
        state=State(server.state),
        since=server.state_since,
    ):
        standing = Standing()
    standing = advance(standing, outcome, bad=check.bad_in_a_row, good=check.good_in_a_row)
    check.verdict = standing.verdict or ""
    check.outcome, check.streak, check.checked_at = outcome, standing.streak, now
    facts = {"milliseconds": seen.milliseconds, "status": seen.status, "tls_days": seen.tls_days}
    check.last_result, check.last_error = facts, reason[:300]
    return {
        "check_of_id": check.pk,
        "at": now,
        "outcome": outcome,
        **facts,
        "error": check.last_error,
    }


def _finish(token: uuid.UUID, rows: list[dict[str, Any]]) -> tuple[set[int], set[int]]:
    """Write `rows` and let go of them. Returns the checks that were still ours, and the servers whose state is not
    what their check says."""
    assignments = ", ".join(f"{name} = new.{name}" for name in _WRITTEN)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_TABLE} c SET {assignments}, lease_token = NULL, lease_until = NULL
                  FROM jsonb_populate_recordset(NULL::{_TABLE}, %s::jsonb) new, servers_server s
                 WHERE c.id = new.id AND c.lease_token = %s AND s.id = c.server_id
             RETURNING c.id, c.server_id, c.verdict NOT IN ('', s.state) AND s.state <> 'stopped'""",
            [as_json(rows), token],
        )
        done = cursor.fetchall()
    return {pk for pk, _, _ in done}, {server for _, server, news in done if news}


def _probe(check: Check) -> Probe:
    return Probe(CheckKind(check.kind), check.target, check.timeout_seconds)


def _limits(check: Check) -> Limits:
    return Limits(check.status_min, check.status_max, check.max_milliseconds, check.min_tls_days)


def check_findings(now: datetime) -> list[str]:
    """What a person should look at, as sentences."""
    late = Check.objects.filter(enabled=True, next_at__lt=now - LATE).order_by("next_at")
    oldest = late.values_list("next_at", flat=True).first()
    if oldest is None:
        return []
    return [
        f"A check of a server waits since {oldest:%Y-%m-%d %H:%M:%S} UTC: "
        "does a worker read the queue watch?"
    ]


def forget_old_results(now: datetime) -> int:
    """Remove all but the last results of each check. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""DELETE FROM {CheckResult._meta.db_table} r USING (
                    SELECT id, row_number() OVER (PARTITION BY check_of_id ORDER BY id DESC) AS place
                      FROM {CheckResult._meta.db_table}) old
                 WHERE old.id = r.id AND old.place > %s""",
            [KEPT_RESULTS],
        )
        return int(cursor.rowcount)
