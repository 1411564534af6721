"""Writes of the task machinery: heartbeats, dead letters and their retry, removal of what has expired."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models.functions import Now

from workers import leases
from workers.dispatch import enqueue, enqueue_each
from workers.leases import LeasedWork
from workers.models import DeadLetter, Heartbeat

#: Called hourly with the time; `smartops/wiring.py` lists them.
PURGES: Final[list[Callable[[datetime], int]]] = []


@transaction.atomic(durable=True)
def beat(*, name: str) -> None:
    """Record that `name` lives, at the database's time."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {Heartbeat._meta.db_table} (name, beat_at) VALUES (%s, now())
                ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at""",
            [name],
        )


def bury(model: type[models.Model], rows: Iterable[tuple[int, str, str, str]]) -> None:
    """Write a dead letter for each (id, subject, reason, request id), in the caller's transaction.

    The model has a TASK_NAME and a `revive`, as LeasedWork has: a person may retry.
    """
    DeadLetter.objects.bulk_create(
        [
            DeadLetter(
                kind=model._meta.label_lower,
                object_id=pk,
                subject=subject[:300],
                reason=reason,
                request_id=request_id,
            )
            for pk, subject, reason, request_id in rows
        ],
        ignore_conflicts=True,  # the open one already says it
    )


@transaction.atomic(durable=True)
def retry_dead_letters(*, letters: Sequence[DeadLetter], actor: str, now: datetime) -> int:
    """Give the rows behind `letters` all their attempts again. Returns how many were revived."""
    revived = 0
    for kind in sorted({letter.kind for letter in letters}):
        model = apps.get_model(kind)
        settled = _settle([x for x in letters if x.kind == kind], "retried", actor, now)
        ids = model.revive(settled)
        enqueue_each(model.TASK_NAME, ids)
        revived += len(ids)
    return revived


def retry_rows(
    *, model: type[LeasedWork], ids: Sequence[int], actor: str, now: datetime
) -> list[int]:
    """Give failed rows all their attempts again and close their dead letters, in the caller's transaction.

    Returns those that were failed.
    """
    letters = DeadLetter.objects.filter(
        kind=model._meta.label_lower, object_id__in=ids, settled_at__isnull=True
    )
    _settle(list(letters), "retried", actor, now)
    revived = model.revive(ids)
    enqueue_each(model.TASK_NAME, revived)
    return revived


@transaction.atomic(durable=True)
def dismiss_dead_letters(*, letters: Sequence[DeadLetter], actor: str, now: datetime) -> int:
    """Say that nothing more shall happen. The failed rows stay as they are."""
    return len(_settle(letters, "dismissed", actor, now))


def settle(model: type[LeasedWork], ids: Iterable[int], *, actor: str) -> None:
    """Close the open dead letters of rows whose place something newer takes, in the caller's transaction."""
    letters = DeadLetter.objects.filter(
        kind=model._meta.label_lower, object_id__in=list(ids), settled_at__isnull=True
    )
    letters.update(settled_at=Now(), settled_by=actor, outcome="dismissed")


def _settle(letters: Sequence[DeadLetter], outcome: str, actor: str, now: datetime) -> list[int]:
    """Close those of `letters` that are open, and return the ids of their rows."""
    open_ones = list(
        DeadLetter.objects.select_for_update().filter(
            pk__in=[letter.pk for letter in letters], settled_at__isnull=True
        )
    )
    DeadLetter.objects.filter(pk__in=[letter.pk for letter in open_ones]).update(
        settled_at=now, settled_by=actor, outcome=outcome
    )
    return [letter.object_id for letter in open_ones]


def requeue(model: type[LeasedWork], *, nudge: timedelta, each_alone: bool = False) -> leases.Stale:
    """Send a message again for every row whose last one is presumed lost. The caller's transaction.

    `each_alone`: long work, of which no two may share a message and its time limit.
    """
    stale = leases.take_stale(model, nudge=nudge)
    (enqueue_each if each_alone else enqueue)(model.TASK_NAME, stale.together)
    enqueue_each(model.TASK_NAME, stale.alone)
    return stale


def purge(*, now: datetime) -> int:
    """Remove what has expired, each kind in its own transaction. Returns how many rows went."""
    return sum(remove(now) for remove in PURGES)
