"""Asking for triage: jobs, batches, and the sweep that finds jobs whose message was lost."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from tickets.models import EventKind, Ticket, TriageStatus
from tickets.services import Change, record_changes
from tickets.services.recording import NewEvent, lock, lock_one
from triage import knowledge
from triage.decide import Decision, decide
from triage.evidence import Given
from triage.models import TriageBatch, TriageJob
from triage.services.correcting import ACTOR
from triage.services.following import follow_people
from workers import leases
from workers import services as work
from workers.clock import present
from workers.context import current_request_id
from workers.dispatch import enqueue, enqueue_each
from workers.names import TaskName
from workers.sql import insert_rows

#: A change of these asks for a new triage: new words, or fields that a person handed back.
_ASKS = {"title", "description", "locked_fields"}


def request_triage(*, tickets: Sequence[Ticket], batch: TriageBatch | None = None) -> list[int]:
    """Write a job for each ticket and nudge the workers, in the caller's transaction. Returns ids."""
    request_id = current_request_id()
    row = {
        "batch_id": batch.pk if batch else None,
        "request_id": request_id,
        "state": leases.State.PENDING,
        "attempts": 0,
        "nudges": 0,
        "error": "",
    }
    ids = insert_rows(
        TriageJob,
        [{**row, "ticket_id": ticket.pk} for ticket in tickets],
        computed={"nudge_at": f"now() + make_interval(secs => {settings.NUDGE_SECONDS:d})"},
        returning=True,
    )
    enqueue(TaskName.TRIAGE_RUN_JOBS, ids)
    return ids


def react_to_changes(*, events: Sequence[NewEvent]) -> None:
    """New words ask for a new triage; what people decided makes a new priority and a new route.

    In the caller's transaction.
    """
    reworded = {
        e.ticket.id: e.ticket
        for e in events
        if e.changes.keys() & _ASKS and e.ticket.merged_into_id is None
    }
    follow_people(events)
    if reworded:
        # Locked: a worker that took one of them now would still read the old words.
        pending = TriageJob.objects.filter(ticket__in=reworded, state=leases.State.PENDING)
        held = pending.order_by("pk").select_for_update(skip_locked=True, no_key=True)
        waiting = dict(held.values_list("ticket", "pk"))
        # Their messages may have come and gone meanwhile.
        enqueue(TaskName.TRIAGE_RUN_JOBS, waiting.values())
        request_triage(tickets=[ticket for pk, ticket in reworded.items() if pk not in waiting])


@transaction.atomic(durable=True)
def retriage_one(*, ticket: Ticket) -> TriageJob:
    """Ask for triage of a ticket again. Values that people set stay.

    :raises TicketGone: it was deleted.
    """
    [pk] = request_triage(tickets=[lock_one(ticket.pk)])
    return TriageJob.objects.get(pk=pk)


@transaction.atomic(durable=True)
def requeue_stale_jobs() -> int:
    """Send a message again for jobs that nobody works on. Returns how many were found."""
    stale = leases.take_stale(TriageJob, nudge=timedelta(seconds=settings.NUDGE_SECONDS))
    together = TriageJob.objects.filter(pk__in=stale.together)
    in_batches = set(together.filter(batch__isnull=False).values_list("pk", flat=True))
    enqueue(TaskName.TRIAGE_RUN_JOBS, [pk for pk in stale.together if pk not in in_batches])
    enqueue(TaskName.TRIAGE_RUN_BATCH_JOBS, sorted(in_batches))
    enqueue_each(TaskName.TRIAGE_RUN_JOBS, stale.alone)
    bury_failed(stale.failed)
    return len(stale.together) + len(stale.alone) + len(stale.failed)


def bury_failed(ids: Sequence[int]) -> None:
    """Give failed jobs a dead letter and tell it on their tickets, unless a newer job or ticket takes their place.

    In the caller's transaction.
    """
    jobs = list(TriageJob.objects.filter(pk__in=ids).select_related("ticket")) if ids else []
    if not jobs:
        return
    work.bury(TriageJob, [(job.pk, str(job.ticket), job.error, job.request_id) for job in jobs])
    locked = lock(job.ticket_id for job in jobs)
    tickets = {ticket.pk: ticket for ticket in locked if ticket.merged_into_id is None}
    newest = set(TriageJob.objects.filter(pk__in=ids).newest_of_their_tickets())
    changes = [
        Change(
            tickets[job.ticket_id],
            {"triage_status": TriageStatus.FAILED},
            kind=EventKind.TRIAGE_FAILED,
            reason=job.error[:300],
            request_id=job.request_id,
        )
        for job in jobs
        if job.ticket_id in tickets and job in newest
    ]
    record_changes(changes, actor=ACTOR, now=present())


def analyze(
    *, title: str, description: str, source: str, tier: str, fixed: dict[str, Any]
) -> tuple[Decision, float]:
    """Decide about a text as about a ticket, and write nothing. Returns decision and milliseconds."""
    started = time.perf_counter()
    loaded = knowledge.current()
    given = Given(title, description, source, tier, fixed)
    [evidence] = loaded.examine([given])
    if isinstance(evidence, Exception):
        raise evidence
    decision = decide(given, evidence, loaded.knowledge)
    return decision, (time.perf_counter() - started) * 1000
