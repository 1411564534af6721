"""Delivery: one worker at a time works on a channel, until nothing is due, its rate is used up or time is over.

    claim the channel (lease) → take what is due (lease) → send, outside any transaction → record, if still ours

A worker whose lease ran out records nothing: whoever has the lease now decides. Such a message may arrive twice,
with the same id.
"""

import random
import time
import uuid
from collections.abc import Sequence
from typing import Final

import structlog
from django.db import connection, transaction
from django.utils import timezone

from sla import subscriptions
from sla.models import Channel, ChannelKind, DeliveryAttempt, Notification
from sla.models.notification import LONERS
from sla.retrying import BROKEN_AFTER, Result, Verdict, channel_pause, pause
from sla.services import sending
from workers import tracing
from workers.dispatch import enqueue_each
from workers.names import TaskName

log = structlog.get_logger("sla.delivery")

#: Far above what one attempt can take.
LEASE_SECONDS: Final = 90
#: After this time a worker lets others have its thread, and asks to go on.
RUN_SECONDS: Final = 20.0
#: Seconds' worth of the rate that may leave at once after a quiet time. The sweep comes more often than this.
BURST_SECONDS: Final = 20
#: So many alerts become one digest; more become another.
MOST_IN_DIGEST: Final = 200
#: While an earlier callback of the same ticket was tried less often than this, later ones wait for it.
ORDERED_ATTEMPTS: Final = 8
_CHANNEL: Final = Channel._meta.db_table
_TABLE: Final = Notification._meta.db_table
_DUE: Final = "state IN ('queued', 'retrying') AND next_attempt_at <= statement_timestamp()"
_CHANCE: Final = random.Random()


def deliver(*, ids: Sequence[int], run_seconds: float = RUN_SECONDS) -> int:
    """Send what waits for these channels. Returns how many messages left, digests counted by their parts."""
    return sum(_deliver(pk, time.monotonic() + run_seconds) for pk in dict.fromkeys(ids))


def _deliver(pk: int, end: float) -> int:
    sent = 0
    while (channel := _claim(pk)) is not None:
        token = channel.lease_token
        assert token is not None
        tried = False
        while time.monotonic() < end:
            batch = _take(channel, token)
            if not batch:
                break
            tried = True
            # Real time, whatever a game day plays: receivers check when a message was signed.
            started, began, now = time.perf_counter(), time.time_ns(), timezone.now()
            name = f"deliver {channel.kind}"
            with tracing.follow(batch[0].request_id, name):
                result = sending.send(channel, batch, now=now)
                tracing.mark((one.request_id for one in batch), name, began)
            milliseconds = (time.perf_counter() - started) * 1000
            if not record(channel, token, batch, result, milliseconds):
                break
            sent += len(batch) if result.verdict is Verdict.SENT else 0
        # The nudge for a message that came meanwhile found the channel taken: look again after letting go.
        if not _release(pk, token) or not tried:
            break
        if time.monotonic() >= end:
            _nudge(pk)
            break
    return sent


@transaction.atomic(durable=True)
def _claim(pk: int) -> Channel | None:
    """Take the channel unless somebody has it, it rests or is switched off."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_CHANNEL} SET lease_token = %s,
                       lease_until = statement_timestamp() + make_interval(secs => {LEASE_SECONDS})
                 WHERE id = %s AND enabled AND (lease_until IS NULL OR lease_until < statement_timestamp())
                   AND (next_attempt_at IS NULL OR next_attempt_at <= statement_timestamp())
                   AND EXISTS (SELECT FROM {_TABLE} WHERE channel_id = %s AND {_DUE})""",
            [uuid.uuid4(), pk, pk],
        )
        return Channel.objects.get(pk=pk) if cursor.rowcount else None


@transaction.atomic(durable=True)
def _release(pk: int, token: uuid.UUID) -> bool:
    """Let the channel go. False: it was no longer ours."""
    freed = Channel.objects.filter(pk=pk, lease_token=token)
    return bool(freed.update(lease_token=None, lease_until=None))


@transaction.atomic(durable=True)
def _nudge(pk: int) -> None:
    enqueue_each(TaskName.SLA_DELIVER, [pk])


@transaction.atomic(durable=True)
def _take(channel: Channel, token: uuid.UUID) -> list[Notification]:
    """Take the next message, or the parts of the next digest. Empty: none is due or may leave now, or we lost the
    channel."""
    left = _renew(channel, token)
    if left is None:
        return []
    if channel.kind != ChannelKind.WEBHOOK:
        _retire_obsolete(channel.pk)
    ids = _due(channel)
    if not ids:
        return []
    if left < 1:
        _rest(channel.pk, (1 - left) * 60 / channel.rate_per_minute)
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_TABLE} SET state = 'sending', attempts = attempts + 1, lease_token = %s,
                       lease_until = statement_timestamp() + make_interval(secs => {LEASE_SECONDS}), digest = %s
                 WHERE id = ANY(%s) AND {_DUE} RETURNING id""",
            [token, uuid.uuid4() if len(ids) > 1 else None, ids],
        )
        taken = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(
            f"UPDATE {_CHANNEL} SET allowance = allowance - 1 WHERE id = %s", [channel.pk]
        )
    return list(Notification.objects.filter(pk__in=taken).order_by("pk"))


def _renew(channel: Channel, token: uuid.UUID) -> float | None:
    """Hold the channel for longer and refill its bucket. Returns what is in it; None when we lost the channel, or
    its address is a new one."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_CHANNEL}
                   SET lease_until = statement_timestamp() + make_interval(secs => {LEASE_SECONDS}),
                       allowance_at = statement_timestamp(),
                       allowance = least(greatest(1, rate_per_minute * {BURST_SECONDS} / 60.0),
                           allowance + rate_per_minute / 60.0
                               * extract(epoch FROM statement_timestamp() - allowance_at))
                 WHERE id = %s AND lease_token = %s AND enabled AND encrypted_address = %s
             RETURNING allowance""",
            [channel.pk, token, channel.encrypted_address],
        )
        row = cursor.fetchone()
        return float(row[0]) if row else None


def _rest(pk: int, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_CHANNEL} SET next_attempt_at = statement_timestamp() + make_interval(secs => %s)
                 WHERE id = %s""",
            [seconds, pk],
        )


def _due(channel: Channel) -> list[int]:
    """The oldest message that is due, or all for its receiver when more than `digest_above` wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT id, recipient, kind FROM {_TABLE} n
                 WHERE channel_id = %s AND {_DUE}
                   AND NOT EXISTS (SELECT FROM {_TABLE} earlier
                                    WHERE earlier.ticket_id = n.ticket_id AND earlier.channel_id = n.channel_id
                                      AND earlier.state IN ('queued', 'retrying') AND earlier.id < n.id
                                      AND earlier.attempts < {ORDERED_ATTEMPTS} AND %s)
                 ORDER BY next_attempt_at, id LIMIT 1""",
            [channel.pk, channel.kind == ChannelKind.WEBHOOK],
        )
        first = cursor.fetchone()
        if first is None:
            return []
        pk, recipient, kind = first
        if channel.kind == ChannelKind.WEBHOOK or kind in LONERS:
            return [pk]
        cursor.execute(
            f"""SELECT id FROM {_TABLE}
                 WHERE channel_id = %s AND recipient = %s AND kind <> ALL(%s) AND {_DUE}
                 ORDER BY next_attempt_at, id LIMIT {MOST_IN_DIGEST}""",
            [channel.pk, recipient, [str(alone) for alone in LONERS]],
        )
        together = [other for (other,) in cursor.fetchall()]
    return together if len(together) > channel.digest_above else [pk]


def _retire_obsolete(pk: int) -> None:
    """End alerts for people whose clock has stopped or was acknowledged, or whose ticket follows another one:
    nobody wants to hear of them now."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {_TABLE} n SET state = 'dead', outcome = 'obsolete', ended_at = statement_timestamp(),
                       error = CASE WHEN c.stopped_at IS NOT NULL
                                    THEN 'No longer true: the clock stopped before it was sent.'
                                    WHEN t.parent_id IS NOT NULL
                                    THEN 'No longer needed: told with ticket ' || t.parent_id || '.'
                                    ELSE 'No longer needed: somebody acknowledged it before it was sent.' END
                  FROM sla_escalation e JOIN sla_slaclock c ON c.id = e.clock_id
                                        JOIN tickets_ticket t ON t.id = e.ticket_id
                 WHERE n.channel_id = %s AND n.{_DUE} AND NOT n.forced AND e.id = n.escalation_id
                   AND (c.stopped_at IS NOT NULL OR t.parent_id IS NOT NULL OR e.acknowledged_at IS NOT NULL
                        OR EXISTS (SELECT FROM sla_clockevent a
                                    WHERE a.clock_id = c.id AND a.kind = 'acknowledge'
                                      AND a.at >= e.detected_at))""",
            [pk],
        )


@transaction.atomic(durable=True)
def record(
    channel: Channel,
    token: uuid.UUID,
    batch: Sequence[Notification],
    result: Result,
    milliseconds: float,
) -> bool:
    """Write how an attempt ended, unless the lease was lost. Returns whether the channel may go on."""
    with connection.cursor() as cursor:
        seconds = _wait(batch, result)
        cursor.execute(
            f"""UPDATE {_TABLE}
                   SET state = s.state, outcome = s.outcome, error = %(error)s,
                       ended_at = CASE WHEN s.state = 'retrying' THEN NULL ELSE statement_timestamp() END,
                       next_attempt_at = statement_timestamp() + make_interval(secs => %(wait)s),
                       lease_token = NULL, lease_until = NULL
                  FROM (SELECT id AS pk,
                               CASE WHEN %(ended)s <> '' THEN %(ended)s
                                    WHEN next_at >= give_up_at THEN 'dead' ELSE 'retrying' END AS state,
                               CASE WHEN %(ended)s = 'dead' THEN 'rejected' WHEN %(ended)s = 'sent' THEN ''
                                    WHEN next_at >= give_up_at THEN 'gave_up' ELSE '' END AS outcome
                          FROM {_TABLE},
                               (SELECT statement_timestamp() + make_interval(secs => %(wait)s) AS next_at) t
                         WHERE id = ANY(%(ids)s)) s
                 WHERE id = s.pk AND lease_token = %(token)s RETURNING id""",
            {
                "error": result.error[:1000],
                "wait": seconds,
                "ended": _ENDS.get(result.verdict, ""),
                "ids": [notification.pk for notification in batch],
                "token": token,
            },
        )
        ours = [pk for (pk,) in cursor.fetchall()]
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(
            notification_id=pk,
            status=result.status,
            error=result.error[:500],
            milliseconds=round(milliseconds, 1),
        )
        for pk in ours
    )
    return bool(ours) and _judge_channel(channel, token, result)


_ENDS: Final = {Verdict.SENT: "sent", Verdict.REJECTED: "dead", Verdict.GONE: "dead"}


def _wait(batch: Sequence[Notification], result: Result) -> float:
    """Seconds until the next attempt of a message that was not sent."""
    own = pause(max(notification.attempts for notification in batch), chance=_CHANCE)
    return max(own, result.retry_after or 0.0)


def _judge_channel(channel: Channel, token: uuid.UUID, result: Result) -> bool:
    """Let the channel rest or switch it off if that is what the attempt says. Returns whether it may go on."""
    mine = Channel.objects.filter(pk=channel.pk, lease_token=token)
    if result.verdict is Verdict.GONE:
        # Unless somebody has entered another address while this one was tried.
        if mine.filter(encrypted_address=channel.encrypted_address).update(
            enabled=False, disabled_reason=result.error[:500]
        ):
            transaction.on_commit(subscriptions.forget)
            log.error("channel switched off", channel=channel.name, reason=result.error)
        return False
    if result.verdict in (Verdict.SENT, Verdict.REJECTED):
        if channel.failures:
            channel.failures = 0
            mine.update(failures=0, next_attempt_at=None)
        return True
    channel.failures = min(channel.failures + 1, 1000)
    mine.update(failures=channel.failures)
    if result.verdict is Verdict.PAUSE or channel.failures >= BROKEN_AFTER:
        rest = result.retry_after or channel_pause(channel.failures, chance=_CHANCE)
        _rest(channel.pk, rest)
        log.warning("channel rests", channel=channel.name, seconds=round(rest), error=result.error)
        return False
    return True
