"""Batches: many tickets triaged again. A batch writes its own jobs, step by step, and notices its end."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, connection, transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import Now

from sla import services as sla
from tickets.filters import WrongFilters, choose
from tickets.models import Ticket
from tickets.services.recording import lock
from triage.models import TriageBatch, TriageJob
from triage.progress import Progress
from triage.services.jobs import request_triage
from workers import leases
from workers import services as work
from workers.clock import present
from workers.context import current_request_id
from workers.dispatch import enqueue
from workers.errors import PermanentError
from workers.leases import Claim, State
from workers.names import TaskName

log = structlog.get_logger("triage.batches")

#: Tickets that get their jobs in one transaction.
STEP: Final = 5000
#: After this time a worker lets others have its process, and asks to go on. Far below the lease.
RUN_SECONDS: Final = 20.0
#: Between two looks whether the last job has ended.
LOOK_SECONDS: Final = 5.0
#: The sweep takes messages of a long batch for lost only after the time that the jobs before them need.
EXPECTED_PER_SECOND: Final = 500


def chosen_tickets(*, filters: Mapping[str, str], hidden_departments: Sequence[int]) -> Any:
    """The tickets that the list would show with `filters` to somebody who may not see `hidden_departments`.

    :raises WrongFilters: one of `filters` is unknown or has a value that names nothing.
    """
    return choose(filters, Ticket.objects.outside(hidden_departments))


@transaction.atomic  # with an Idempotency-Key inside that one's
def retriage(
    *, ids: Sequence[int], requested_by: str, owner_id: UUID | None = None
) -> TriageBatch | None:
    """Ask for triage of these tickets again. Values that people set stay. None when there are no such tickets."""
    tickets = lock(ids)
    if not tickets:
        return None
    batch = _open(
        requested_by=requested_by, owner_id=owner_id, total_items=len(tickets), filled=True
    )
    request_triage(tickets=tickets, batch=batch)
    return batch


@transaction.atomic  # with an Idempotency-Key inside that one's
def retriage_chosen(
    *, filters: Mapping[str, str], hidden_departments: Sequence[int], requested_by: str
) -> TriageBatch | None:
    """Ask for triage of all `chosen_tickets` again, however many. None when there are none.

    Their jobs are written by a worker: the answer takes as long as counting them.

    :raises WrongFilters: see `chosen_tickets`.
    """
    total = chosen_tickets(filters=filters, hidden_departments=hidden_departments).count()
    if not total:
        return None
    batch = _open(
        requested_by=requested_by,
        owner_id=UUID(filters["owner_id"].strip()) if "owner_id" in filters else None,
        total_items=total,
        filters=dict(filters),
        hidden_departments=list(hidden_departments),
        last_ticket=Ticket.objects.aggregate(last=Max("pk"))["last"],
    )
    enqueue(TaskName.TRIAGE_RUN_BATCHES, [batch.pk])
    return batch


@transaction.atomic  # with an Idempotency-Key inside that one's
def batch_jobs(
    *, requested_by: str, visible: QuerySet[Ticket], owner_id: UUID | None = None
) -> TriageBatch | None:
    """Gather the waiting jobs of `visible` tickets, and the failed ones with new attempts, into a batch.

    None when there are none.
    """
    mine = TriageJob.objects.filter(ticket__in=visible).newest_of_their_tickets()
    failed = list(mine.filter(state=State.FAILED).values_list("pk", flat=True))
    free = mine.filter(state=State.PENDING, batch__isnull=True).order_by("pk")
    # Those in other hands are left out: a worker has them, or somebody else's batch that is just being made.
    waiting = list(free.select_for_update(skip_locked=True).values_list("pk", flat=True))
    revived = work.retry_rows(model=TriageJob, ids=failed, actor=requested_by, now=present())
    ids = sorted({*revived, *waiting})
    if not ids:
        return None
    batch = _open(requested_by=requested_by, owner_id=owner_id, total_items=len(ids), filled=True)
    TriageJob.objects.filter(pk__in=ids).update(batch=batch)
    enqueue(TaskName.TRIAGE_RUN_JOBS, waiting)
    return batch


def _open(*, requested_by: str, **values: Any) -> TriageBatch:
    return TriageBatch.objects.create(
        requested_by=requested_by, request_id=current_request_id(), **values
    )


@transaction.atomic(durable=True)
def retry_jobs(*, jobs: Sequence[TriageJob], actor: str, now: datetime) -> int:
    """Give failed jobs all their attempts again. Returns how many were failed."""
    ids = [job.pk for job in jobs]
    revived = work.retry_rows(model=TriageJob, ids=ids, actor=actor, now=now)
    _reopen(TriageJob.objects.filter(pk__in=revived, batch__isnull=False).values("batch"))
    return len(revived)


@transaction.atomic(durable=True)
def retry_batch(*, batch: TriageBatch, actor: str, now: datetime) -> int:
    """Give a batch's failed jobs all their attempts again, and a batch that failed itself, too.

    Returns how many jobs were failed.

    :raises PermanentError: nothing in it has failed.
    """
    itself = work.retry_rows(model=TriageBatch, ids=[batch.pk], actor=actor, now=now)
    failed = TriageJob.objects.filter(batch=batch, state=State.FAILED)
    revived = work.retry_rows(
        model=TriageJob, ids=list(failed.values_list("pk", flat=True)), actor=actor, now=now
    )
    if not (itself or revived):
        raise PermanentError("Nothing in this batch has failed: there is nothing to retry.")
    _reopen([batch.pk])
    return len(revived)


def _reopen(batches: Any) -> None:
    """Look for the end of these batches once more."""
    again = TriageBatch.objects.filter(pk__in=batches)
    again.update(started_at=Now())  # waits for a worker that is just ending one of them
    again.filter(state=State.DONE).update(
        state=State.PENDING, attempts=0, nudges=0, finished_at=None, nudge_at=Now()
    )


def run_batches(*, ids: Sequence[int], run_seconds: float = RUN_SECONDS) -> int:
    """Write the jobs of these batches, and end those of which no job is left. Returns how many jobs were written.

    Safe to call with the same ids any number of times, from any number of workers.
    """
    held = leases.claim(TriageBatch, ids, lease=timedelta(seconds=settings.TRIAGE_LEASE_SECONDS))
    end = time.monotonic() + run_seconds
    return sum(_run(pk, held, end) for pk in held.ids)


def _run(pk: int, held: Claim, end: float) -> int:
    filled = TriageBatch.objects.filter(pk=pk, filled=True).exists()
    before = there = 0 if filled else TriageJob.objects.filter(batch=pk).count()
    try:
        while step := _write_step(pk, held, there):
            there += step
            if time.monotonic() >= end:
                break
        _let_go(pk, held)
    except (WrongFilters, DatabaseError) as error:
        _fail(pk, held, error)
    return there - before


@transaction.atomic(durable=True)
def _write_step(pk: int, held: Claim, before: int) -> int:
    """Write the next jobs of a batch that is still ours and has `before`. Returns how many; 0: that was all."""
    batch = TriageBatch.objects.select_for_update().filter(pk=pk, lease_token=held.token).first()
    if batch is None or batch.filled:
        return 0
    rows = _insert_jobs(batch, before)
    if rows:
        batch.cursor = max(ticket for _, ticket in rows)
    else:
        batch.filled, batch.total_items = True, before
    batch.save(update_fields=["cursor", "filled", "total_items"])
    enqueue(TaskName.TRIAGE_RUN_BATCH_JOBS, [job for job, _ in rows])
    return len(rows)


def _insert_jobs(batch: TriageBatch, before: int) -> list[tuple[int, int]]:
    """Insert jobs for the next STEP tickets in one statement. Returns (job, ticket)."""
    chosen = chosen_tickets(
        filters=batch.filters or {}, hidden_departments=batch.hidden_departments
    )
    ahead = chosen.filter(pk__gt=batch.cursor, pk__lte=batch.last_ticket).order_by("pk")
    try:
        sql, given = ahead.values_list("pk")[:STEP].query.sql_with_params()
    except EmptyResultSet:  # what a filter names is there no more
        return []
    wait = settings.NUDGE_SECONDS + before / EXPECTED_PER_SECOND
    with connection.cursor() as cursor:
        cursor.execute(
            # Key shares, which the foreign key takes anyway: nobody deletes a ticket between the two.
            f"""WITH chosen(id) AS ({sql} FOR KEY SHARE OF {Ticket._meta.db_table})
                INSERT INTO {TriageJob._meta.db_table}
                       (ticket_id, batch_id, request_id, state, attempts, nudges, error, nudge_at)
                SELECT id, %s, %s, 'pending', 0, 0, '', now() + make_interval(secs => %s) FROM chosen
                RETURNING id, ticket_id""",
            [*given, batch.pk, batch.request_id, wait],
        )
        rows: list[tuple[int, int]] = cursor.fetchall()
        return rows


@transaction.atomic(durable=True)
def _let_go(pk: int, held: Claim) -> None:
    """End a batch whose jobs have all ended; look at any other again later."""
    batch = TriageBatch.objects.select_for_update().filter(pk=pk, lease_token=held.token).first()
    if batch is None:
        return
    if not batch.filled:
        leases.put_back(TriageBatch, held, pk, seconds=LOOK_SECONDS)
        enqueue(TaskName.TRIAGE_RUN_BATCHES, [pk])
    elif TriageJob.objects.filter(leases.ACTIVE, batch=batch).exists():
        leases.put_back(TriageBatch, held, pk, seconds=LOOK_SECONDS)
    elif leases.finish(TriageBatch, held, [pk]):
        _announce(batch, TriageJob.objects.progress_of([pk])[pk])


def _announce(batch: TriageBatch, progress: Progress) -> None:
    facts = {
        "id": batch.pk,
        "total_items": progress.written,
        "done": progress.done,
        "failed": progress.failed,
        "requested_by": batch.requested_by,
        "owner_id": str(batch.owner_id) if batch.owner_id else None,
        "created_at": batch.created_at.isoformat(),
    }
    ended_at = progress.ended_at or batch.created_at
    sla.announce_batch(batch=facts, owner=batch.owner_id, at=ended_at)


@transaction.atomic(durable=True)
def _fail(pk: int, held: Claim, error: Exception) -> None:
    """Record a failed attempt; after the last one the batch is a dead letter."""
    reason = f"{type(error).__name__}: {error}"[:2000]
    log.warning("batch failed", batch=pk, error=reason)
    if leases.give_back(TriageBatch, held, pk, error=reason):
        _bury([pk])


@transaction.atomic(durable=True)
def requeue_stale_batches() -> int:
    """Send a message for batches that wait to be looked at. Returns how many were found."""
    stale = work.requeue(TriageBatch, nudge=timedelta(seconds=settings.NUDGE_SECONDS))
    _bury(stale.failed)
    return len(stale.together) + len(stale.alone) + len(stale.failed)


def _bury(ids: Sequence[int]) -> None:
    rows = TriageBatch.objects.filter(pk__in=ids) if ids else []
    work.bury(TriageBatch, [(row.pk, str(row), row.error, row.request_id) for row in rows])
