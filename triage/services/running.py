"""Running triage jobs: claim a chunk, decide outside any transaction, write everything in one."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from tickets.models import EventKind, Ticket, TriageStatus
from tickets.services import Change, record_changes
from tickets.services.recording import lock
from triage import knowledge
from triage.classifier.model import Prediction
from triage.decide import Decision, Given, decide
from triage.knowledge import Loaded
from triage.models import TriageAttempt, TriageDecision, TriageJob
from triage.services.jobs import ACTOR, bury_failed
from workers import leases
from workers.leases import Claim

log = structlog.get_logger("triage.run")


@dataclass(frozen=True)
class Decided:
    job: TriageJob
    decision: Decision
    milliseconds: float


def run_jobs(*, ids: Sequence[int], now: datetime) -> int:
    """Triage the tickets of those jobs that are free. Returns how many were done.

    Safe to call with the same ids any number of times, from any number of workers.
    """
    lease = timedelta(seconds=settings.TRIAGE_LEASE_SECONDS)
    held = leases.claim(TriageJob, ids, lease=lease)
    if not held.ids:
        return 0
    loaded = knowledge.current()
    jobs = list(
        TriageJob.objects.filter(pk__in=held.ids).select_related(
            "ticket__category", "ticket__department", "ticket__group"
        )
    )
    decided, broken = _decide_all(jobs, loaded)
    for job, error in broken:
        _fail(job, held, error)
    try:
        return _commit(decided, held, loaded, now)
    except DatabaseError:
        if len(decided) == 1:
            raise
        # One row spoils the statement for all: write them one by one, so that only that one fails.
        return sum(_commit_alone(one, held, loaded, now) for one in decided)


def _decide_all(
    jobs: Sequence[TriageJob], loaded: Loaded
) -> tuple[list[Decided], list[tuple[TriageJob, Exception]]]:
    decided, broken = [], []
    guesses = _guess_all(jobs, loaded)
    for job in jobs:
        started = time.perf_counter()
        try:
            guess = guesses[job.pk]
            if isinstance(guess, Exception):
                raise guess
            decision = decide(given(job.ticket), guess, loaded.knowledge)
        except (
            Exception
        ) as error:  # whatever a ticket's text does to the engines, its neighbours go on
            broken.append((job, error))
        else:
            decided.append(Decided(job, decision, (time.perf_counter() - started) * 1000))
    return decided, broken


def _guess_all(
    jobs: Sequence[TriageJob], loaded: Loaded
) -> dict[int, Prediction | Exception | None]:
    texts = [(job.ticket.title, job.ticket.description) for job in jobs]
    try:
        return dict(zip((job.pk for job in jobs), loaded.guess(texts), strict=True))
    except Exception:  # one text broke the batch: ask for each alone
        found: dict[int, Prediction | Exception | None] = {}
        for job, text in zip(jobs, texts, strict=True):
            try:
                [found[job.pk]] = loaded.guess([text])
            except Exception as error:
                found[job.pk] = error
        return found


def given(ticket: Ticket) -> Given:
    """The ticket as the engines see it."""
    readable = {
        "category": ticket.category.slug if ticket.category else None,
        "department": ticket.department.name if ticket.department else None,
        "group": ticket.group.name if ticket.group else None,
        "impact": ticket.impact,
        "urgency": ticket.urgency,
        "priority": ticket.priority,
    }
    fixed = {
        name: readable[name] for name in ticket.locked_fields if readable.get(name) is not None
    }
    return Given(ticket.title, ticket.description, ticket.source, ticket.customer_tier, fixed)


@transaction.atomic(durable=True)
def _commit(decided: Sequence[Decided], held: Claim, loaded: Loaded, now: datetime) -> int:
    """Write ticket fields, decisions, events and the jobs' ends, for those jobs that are still ours."""
    # Tickets first: whoever changes a ticket locks it before its jobs, and so must we.
    tickets = {ticket.pk: ticket for ticket in lock(one.job.ticket_id for one in decided)}
    ours = leases.finish(TriageJob, held, [one.job.pk for one in decided])
    mine = [one for one in decided if one.job.pk in ours and one.job.ticket_id in tickets]
    TriageDecision.objects.bulk_create([_record(one) for one in mine])
    changes = [_change(tickets[one.job.ticket_id], one, loaded) for one in mine]
    record_changes(changes, actor=ACTOR, now=now)
    return len(mine)


def _commit_alone(one: Decided, held: Claim, loaded: Loaded, now: datetime) -> int:
    try:
        return _commit([one], held, loaded, now)
    except DatabaseError as error:
        _fail(one.job, held, error)
        return 0


def _change(ticket: Ticket, one: Decided, loaded: Loaded) -> Change:
    """What the decision changes on the ticket as it is now: a person may have set something meanwhile."""
    decision = one.decision
    wanted: dict[str, Any] = {
        "category": loaded.categories.get(decision.category),
        "impact": decision.impact,
        "urgency": decision.urgency,
        "priority": decision.priority,
        "department": loaded.departments[decision.department],
        "group": loaded.groups.get(decision.group or ""),
        "confidence": round(decision.confidence, 4),
    }
    values = {name: value for name, value in wanted.items() if name not in ticket.locked_fields}
    new_tags = [tag for tag in decision.tags if tag not in ticket.tags]
    if new_tags:
        values["tags"] = [*ticket.tags, *new_tags]
    sure = decision.band == "auto"
    status = TriageStatus.COMPLETED if sure else TriageStatus.NEEDS_REVIEW
    return Change(
        ticket,
        values,
        kind=EventKind.TRIAGED,
        reason=decision.fields["category"]["why"][:300],
        silent={"triage_status": status},
        request_id=one.job.request_id,
    )


def _record(one: Decided) -> TriageDecision:
    decision = one.decision
    return TriageDecision(
        job=one.job,
        ticket_id=one.job.ticket_id,
        category=decision.category,
        impact=decision.impact,
        urgency=decision.urgency,
        priority=decision.priority,
        department=decision.department,
        group=decision.group or "",
        confidence=round(decision.confidence, 4),
        band=decision.band,
        fields=decision.fields,
        alternatives=[[label, round(share, 4)] for label, share in decision.alternatives],
        words=[[word, round(weight, 3)] for word, weight in decision.words],
        rules=list(decision.rules),
        model=decision.model,
        input_hash=decision.input_hash,
        milliseconds=round(one.milliseconds, 2),
    )


@transaction.atomic(durable=True)
def _fail(job: TriageJob, held: Claim, error: Exception) -> None:
    """Record a failed attempt; after the last one the job is a dead letter."""
    reason = f"{type(error).__name__}: {error}"[:2000]
    log.warning("triage failed", job=job.pk, ticket=job.ticket_id, error=reason)
    TriageAttempt.objects.create(job=job, attempt=job.attempts, error=reason)
    if leases.give_back(TriageJob, held, job.pk, error=reason):
        bury_failed([job.pk])
