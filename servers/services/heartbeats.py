"""Heartbeats: taken in, missed, and their keys."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F

from servers.keys import digest, new_key
from servers.lifecycle import State
from servers.models import Cause, Heartbeat, Kind, Said, Server
from servers.services.fleet import Move, change_states
from servers.services.judging import judge_servers
from workers.errors import PermanentError
from workers.models import Heartbeat as SignOfLife

#: The old key is taken beside a new one for so long.
ROTATION: Final = timedelta(hours=24)
#: A watch that was away for so long does not know what it did not hear.
AWAY: Final = timedelta(seconds=30)
WATCH: Final = "servers.watch_heartbeats"
_TABLE: Final = Heartbeat._meta.db_table
_SERVERS: Final = Server._meta.db_table


class NoSuchKey(Exception):
    """No server of this name has this key: nobody is told which of the two is wrong."""


@transaction.atomic(durable=True)
def take_beat(*, name: str, key: str, status: Said, message: str, now: datetime) -> None:
    """Note what the server `name` says of itself: `start`, `ok` or `fail`. One UPDATE while all is well.

    :raises NoSuchKey: it is not the server's key.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH was AS (
                    SELECT h.id, h.status, h.server_id, s.state
                      FROM {_TABLE} h JOIN {_SERVERS} s ON s.id = h.server_id
                     WHERE s.name = %(name)s AND s.kind = 'monitored'
                       AND (h.key_hash = %(key)s
                            OR (h.previous_key_hash = %(key)s AND h.previous_key_until > %(now)s))
                       FOR UPDATE OF h)
                UPDATE {_TABLE} h
                   SET status = %(status)s, message = %(message)s, said_at = %(now)s, last_at = %(now)s,
                       due_at = CASE WHEN NOT %(over)s THEN
                                %(now)s + make_interval(secs => period_seconds + grace_seconds) END
                  FROM was WHERE was.id = h.id
             RETURNING was.server_id, was.state, h.enabled, was.status""",
            {
                "name": name,
                "key": digest(key),
                "status": status.value,
                "message": message[:300],
                "over": status is Said.FAIL,  # nothing is left to wait for
                "now": now,
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise NoSuchKey
    server, state, enabled, before = row
    if not enabled or state == State.STOPPED:
        return
    if status is Said.START:
        words = f"it starts: {message}" if message else "it starts"
        change_states(
            moves=[Move(server, State.BOOTING, Cause.HEARTBEAT, Cause.HEARTBEAT, now, words)]
        )
    # Where a watch was at it just now, `state` is from before that, but not `before`: that row was locked.
    elif status is Said.FAIL or before == Said.MISSING or state in (State.BOOTING, State.FAILED):
        judge_servers(ids=[server], trigger=Cause.HEARTBEAT, now=now)


@transaction.atomic(durable=True)
def watch_heartbeats(*, now: datetime) -> int:
    """Find what is overdue. Returns how many heartbeats are missing. Any number of watches may run at once."""
    watch, _ = SignOfLife.objects.select_for_update().get_or_create(
        name=WATCH, defaults={"beat_at": now - AWAY}
    )
    away = now - watch.beat_at >= AWAY
    SignOfLife.objects.filter(name=WATCH).update(beat_at=now)
    with connection.cursor() as cursor:
        if away:
            # What should have come meanwhile may have come to a door that was shut: wait for the next one.
            cursor.execute(
                f"""UPDATE {_TABLE}
                       SET due_at = %(now)s + make_interval(secs => period_seconds + grace_seconds)
                     WHERE enabled AND due_at - make_interval(secs => grace_seconds) <= %(now)s""",
                {"now": now},
            )
        # A server that was started or brought back since its last word has the whole time again to say one.
        cursor.execute(
            f"""UPDATE {_TABLE} h
                   SET due_at = s.state_since + make_interval(secs => period_seconds + grace_seconds)
                  FROM {_SERVERS} s
                 WHERE s.id = h.server_id AND h.enabled AND (h.due_at IS NULL OR h.due_at <= %(now)s)
                   AND s.state IN ('booting', 'running', 'degraded') AND s.state_since > h.said_at
                   AND (h.due_at IS NULL OR
                        s.state_since + make_interval(secs => period_seconds + grace_seconds) > %(now)s)""",
            {"now": now},
        )
        cursor.execute(
            f"""UPDATE {_TABLE} SET status = 'missing', message = '', said_at = %(now)s, due_at = NULL
                 WHERE enabled AND due_at <= %(now)s RETURNING server_id""",
            {"now": now},
        )
        missing = [pk for (pk,) in cursor.fetchall()]
    judge_servers(ids=missing, trigger=Cause.HEARTBEAT, now=now)
    return len(missing)


@transaction.atomic
def give_key(
    *, server: Server, values: Mapping[str, Any] | None = None, now: datetime
) -> tuple[Heartbeat, str, bool]:
    """Give a server a heartbeat with `values`, or the one that it has a new key. Returns it, the key, which is
    shown this once, and whether the heartbeat is new.

    :raises PermanentError: the server is simulated.
    """
    if server.kind != Kind.MONITORED:
        raise PermanentError("A simulated server has no heartbeat.")
    key = new_key("hb")
    beat, made = Heartbeat.objects.get_or_create(
        server=server,
        defaults={**(values or {}), "key_hash": key.hash, "key_hint": key.hint, "said_at": now},
    )
    if not made:
        Heartbeat.objects.filter(pk=beat.pk).update(
            **(values or {}),
            previous_key_hash=F("key_hash"),
            previous_key_until=now + ROTATION,
            key_hash=key.hash,
            key_hint=key.hint,
        )
        beat.refresh_from_db()
    return beat, key.text, made


@transaction.atomic
def change_heartbeat(*, beat: Heartbeat, values: Mapping[str, Any], now: datetime) -> Heartbeat:
    """Change period, grace, or whether it is watched. The wait begins anew, unless nothing was ever heard."""
    beat = Heartbeat.objects.select_for_update().get(pk=beat.pk)
    for name, value in values.items():
        setattr(beat, name, value)
    wait = timedelta(seconds=beat.period_seconds + beat.grace_seconds)
    beat.due_at = None if beat.status == Said.NEW else now + wait
    beat.save(update_fields=[*values, "due_at"])
    judge_servers(ids=[beat.server_id], trigger=Cause.HEARTBEAT, now=now)
    return beat


@transaction.atomic
def delete_heartbeat(*, beat: Heartbeat, now: datetime) -> None:
    beat.delete()
    judge_servers(ids=[beat.server_id], trigger=Cause.HEARTBEAT, now=now)
