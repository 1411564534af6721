"""Work that is a row: claimed by one worker at a time, found again when that worker dies.

A model that inherits `LeasedWork` gets the whole life of such a row:

    pending ──claim──► running ──finish──► done
       ▲                 │ lease ran out: claimed again, alone
       └──retry (person) └──`max_attempts` used up──► failed + dead letter

Leases use the database's clock, so workers with wrong clocks cannot steal from each other. A claim counts the
attempt, so a row that kills its worker is counted too. A row that was claimed before is only ever claimed alone:
whatever it did to its worker, it cannot do to its neighbours again.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.apps import apps
from django.db import connection, models
from django.db.models import F, Q, Value
from django.db.models.functions import Now, Power

from workers import tallies

DEFAULT_ATTEMPTS: Final = 3
LOST_WORKER: Final = "The worker died or was too slow, and its lease ran out."
STOPPED_WORKER: Final = "The worker was stopped; another begins again."


class State(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class LeasedWork(models.Model):
    """A unit of work. Subclasses set TASK_NAME (the message that makes a worker look at the row)."""

    TASK_NAME: str
    #: SQL over a row that no worker has: whether one had it and put it back, to look at it again later.
    WAS_PUT_BACK = f"error = '{STOPPED_WORKER}'"

    state = models.CharField(
        max_length=8, choices=State, default=State.PENDING, db_default=State.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    #: When the sweep sends the next message, unless the row is done by then.
    nudge_at = models.DateTimeField(db_default=Now() + timedelta(seconds=30), editable=False)
    nudges = models.PositiveSmallIntegerField(default=0, editable=False)
    request_id = models.CharField(max_length=64, blank=True, editable=False)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True

    @classmethod
    def revive(cls, ids: Sequence[int]) -> list[int]:
        """Make failed rows pending again, with all their attempts. Returns those that were failed."""
        table = connection.ops.quote_name(cls._meta.db_table)
        with connection.cursor() as cursor:
            cursor.execute(
                f"""UPDATE {table} SET state = 'pending', attempts = 0, nudges = 0, finished_at = NULL,
                           nudge_at = now() + interval '30 seconds'
                     WHERE id = ANY(%s) AND state = 'failed' RETURNING id""",
                [list(ids)],
            )
            return [pk for (pk,) in cursor.fetchall()]

    @classmethod
    def sweep_index(cls, name: str) -> models.Index:
        """The index that the sweep reads. Finished rows leave it, so it stays small."""
        return models.Index(fields=["nudge_at"], name=name, condition=ACTIVE)

    @classmethod
    def lease_constraint(cls, name: str) -> models.CheckConstraint:
        """A running row is held, and nothing else is; a row that ended has the time, and nothing else has."""
        held = Q(lease_token__isnull=False, lease_until__isnull=False)
        free = Q(lease_token__isnull=True, lease_until__isnull=True)
        ended = Q(finished_at__isnull=False)
        condition = (
            (Q(state=State.PENDING) & free & ~ended)
            | (Q(state=State.RUNNING) & held & ~ended)
            | (Q(state__in=[State.DONE, State.FAILED]) & free & ended)
        )
        return models.CheckConstraint(name=name, condition=condition)


ACTIVE: Final = Q(state__in=[State.PENDING, State.RUNNING])


@dataclass(frozen=True)
class Claim:
    """Rows that this worker holds: nobody else may finish them until the lease runs out."""

    token: uuid.UUID
    ids: tuple[int, ...]


def claim(
    model: type[LeasedWork],
    ids: Sequence[int],
    *,
    lease: timedelta,
    max_attempts: int = DEFAULT_ATTEMPTS,
) -> Claim:
    """Take those of `ids` that are free, in one statement. Rows in other hands are left out silently:
    messages come twice, and the second one finds nothing to do."""
    token = uuid.uuid4()
    fresh_only = "AND attempts = 0" if len(ids) > 1 else ""
    # Said without `state`: its index holds the whole backlog, and is what PostgreSQL would read for each chunk
    # whenever its statistics come from a quiet hour.
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} SET state = 'running', attempts = attempts + 1, lease_token = %(token)s,
                   lease_until = now() + make_interval(secs => %(lease)s),
                   nudge_at = now() + make_interval(secs => %(lease)s)
             WHERE id IN (SELECT id FROM {table}
                           WHERE id = ANY(%(ids)s) AND attempts < %(most)s {fresh_only}
                             AND finished_at IS NULL AND (lease_until IS NULL OR lease_until < now())
                           ORDER BY id FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,
            {
                "token": token,
                "lease": lease.total_seconds(),
                "ids": list(ids),
                "most": max_attempts,
            },
        )
        return Claim(token, tuple(sorted(pk for (pk,) in cursor.fetchall())))


def renew(model: type[LeasedWork], held: Claim, *, lease: timedelta) -> bool:
    """Hold the rows of `held` for another `lease`. False: somebody else may have taken them."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {table} SET lease_until = now() + make_interval(secs => %(lease)s),
                       nudge_at = now() + make_interval(secs => %(lease)s)
                 WHERE id = ANY(%(ids)s) AND lease_token = %(token)s""",
            {"lease": lease.total_seconds(), "ids": list(held.ids), "token": held.token},
        )
        return int(cursor.rowcount) == len(held.ids)


def finish(model: type[LeasedWork], held: Claim, ids: Sequence[int]) -> set[int]:
    """Mark `ids` done inside the caller's transaction, and return those that were still held.

    The caller writes effects only for the returned ids: a worker that wakes up after its lease ran out gets
    none of them back.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} SET state = 'done', lease_token = NULL, lease_until = NULL, error = '',
                   finished_at = now()
             WHERE id = ANY(%s) AND lease_token = %s
            RETURNING id
            """,
            [list(ids), held.token],
        )
        return {pk for (pk,) in cursor.fetchall()}


def give_back(
    model: type[LeasedWork],
    held: Claim,
    pk: int,
    *,
    error: str,
    max_attempts: int = DEFAULT_ATTEMPTS,
) -> bool:
    """Record why one row failed. It is tried again later, or is `failed` when its attempts are used up.

    Returns whether the row is now failed for good. Runs in the caller's transaction.
    """
    mine = model._default_manager.filter(pk=pk, state=State.RUNNING, lease_token=held.token)
    free: dict[str, Any] = {"lease_token": None, "lease_until": None, "error": error[:2000]}
    if mine.filter(attempts__gte=max_attempts).update(
        state=State.FAILED, finished_at=Now(), **free
    ):
        return True
    # 2, 4, 8 … seconds: long enough for a hiccup, short enough for a person who waits.
    backoff = Value(timedelta(seconds=2)) * Power(
        2, F("attempts") - 1, output_field=models.FloatField()
    )
    nudge_at = models.ExpressionWrapper(Now() + backoff, output_field=models.DateTimeField())
    mine.update(state=State.PENDING, nudge_at=nudge_at, **free)
    return False


def put_back(model: type[LeasedWork], held: Claim, pk: int, *, seconds: float) -> bool:
    """Let go of a row that got on and is not at its end: it is looked at again after `seconds`, with all its
    attempts. Returns whether it was still held. Runs in the caller's transaction."""
    nudge_at = models.ExpressionWrapper(
        Now() + Value(timedelta(seconds=seconds)), output_field=models.DateTimeField()
    )
    mine = model._default_manager.filter(pk=pk, state=State.RUNNING, lease_token=held.token)
    return bool(
        mine.update(
            state=State.PENDING,
            attempts=0,
            nudges=0,
            nudge_at=nudge_at,
            lease_token=None,
            lease_until=None,
            error="",
        )
    )


def hand_back(model: type[LeasedWork], held: Claim) -> int:
    """Let go of the rows of `held` as if nobody had claimed them, for a worker that is being stopped: whoever is
    next begins again at once. Returns how many were still held."""
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {table} SET state = 'pending', attempts = greatest(attempts - 1, 0), nudge_at = now(),
                       lease_token = NULL, lease_until = NULL, error = %s
                 WHERE id = ANY(%s) AND lease_token = %s""",
            [STOPPED_WORKER, list(held.ids), held.token],
        )
        return int(cursor.rowcount)


def kinds() -> list[type[LeasedWork]]:
    """Every kind of leased work that there is."""
    return [model for model in apps.get_models() if issubclass(model, LeasedWork)]


#: Why a sweep sent a message again, or gave up: nobody had ever taken the row, its worker was lost, it is tried
#: again as it should be, it has failed.
_REASONS: Final = ("message_lost", "worker_lost", "retry", "failed")
RESENDS: Final = tallies.Counted(
    "smartops_sweep_resends_total",
    "Rows of work for which a sweep sent a message again, or whose attempts it found used up",
    ("kind", "reason"),
    known=lambda: [(kind._meta.label_lower, reason) for kind in kinds() for reason in _REASONS],
)


def _why(attempts: int, state: str, was_put_back: bool) -> str:
    if state == State.FAILED:
        return "failed"
    if state == State.RUNNING:
        return "worker_lost"
    return "retry" if attempts or was_put_back else "message_lost"


@dataclass(frozen=True)
class Stale:
    """What a sweep found: rows to send a message for, and rows whose attempts are used up."""

    together: list[int]  # never tried: may share a message
    alone: list[int]  # tried before: one message each
    failed: list[int]  # just marked failed


def take_stale(
    model: type[LeasedWork],
    *,
    limit: int = 5000,
    max_attempts: int = DEFAULT_ATTEMPTS,
    nudge: timedelta = timedelta(seconds=30),
) -> Stale:
    """Find rows that nobody works on and whose last message must be presumed lost.

    Each waits twice as long for its next message as for the last (up to 64 × `nudge`), so that a long
    queue is not filled with copies. Runs in the caller's transaction; safe on any number of workers.
    """
    table = connection.ops.quote_name(model._meta.db_table)
    stale = f"""SELECT id FROM {table} WHERE state IN ('pending', 'running') AND nudge_at < now()
                   AND (state = 'pending' OR lease_until < now())
                 ORDER BY nudge_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED"""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} SET
                   state = CASE WHEN attempts >= %(most)s THEN 'failed' ELSE state END,
                   finished_at = CASE WHEN attempts >= %(most)s THEN now() END,
                   error = CASE WHEN state = 'running' THEN %(lost)s ELSE error END,
                   lease_token = CASE WHEN attempts >= %(most)s THEN NULL ELSE lease_token END,
                   lease_until = CASE WHEN attempts >= %(most)s THEN NULL ELSE lease_until END,
                   nudges = least(nudges + 1, 1000),
                   nudge_at = now() + make_interval(secs => %(nudge)s) * power(2, least(nudges, 6))
             WHERE id IN ({stale})
            RETURNING id, attempts, state, {model.WAS_PUT_BACK}
            """,
            {
                "limit": limit,
                "most": max_attempts,
                "lost": LOST_WORKER,
                "nudge": nudge.total_seconds(),
            },
        )
        rows = cursor.fetchall()
    alive = [(pk, attempts) for pk, attempts, state, _ in rows if state != State.FAILED]
    why = Counter(_why(*found) for _, *found in rows)
    kind = model._meta.label_lower
    tallies.add({(RESENDS.name, (kind, reason)): count for reason, count in why.items()})
    return Stale(
        together=[pk for pk, attempts in alive if attempts == 0],
        alone=[pk for pk, attempts in alive if attempts > 0],
        failed=[pk for pk, _, state, _ in rows if state == State.FAILED],
    )
