"""Running triage jobs: claim a chunk, decide outside any transaction, write everything in one."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import ForeignKey

from tickets.models import EventKind, Ticket, TriageStatus
from tickets.services import Change, record_changes
from tickets.services.recording import KEPT_BY_SLA, lock_columns
from triage import knowledge
from triage.decide import Decision, decide
from triage.evidence import Given
from triage.knowledge import Loaded
from triage.models import TriageAttempt, TriageDecision, TriageJob
from triage.services.asking import ask_about
from triage.services.correcting import ACTOR
from triage.services.jobs import bury_failed, request_triage
from workers import leases, tracing
from workers.leases import Claim
from workers.sql import insert_rows

log = structlog.get_logger("triage.run")


class Work(NamedTuple):
    """A claimed job with what the engines need of its ticket."""

    job: int
    ticket: int
    request_id: str
    attempts: int
    given: Given
    version: int  # of the ticket, when it was read


class Decided(NamedTuple):
    work: Work
    decision: Decision
    milliseconds: float  # its share of what its chunk took


def run_jobs(*, ids: Sequence[int], now: datetime, decided_at: datetime | None = None) -> int:
    """Triage the tickets of those jobs that are free. Returns how many were done.

    Safe to call with the same ids any number of times, from any number of workers. `decided_at` dates decisions
    of made-up days; real ones get the database's time, which their jobs have too.
    """
    lease = timedelta(seconds=settings.TRIAGE_LEASE_SECONDS)
    held = leases.claim(TriageJob, ids, lease=lease)
    if not held.ids:
        return 0
    began = time.time_ns()
    loaded = knowledge.current()
    decided, broken = _decide_all(_read(held, loaded), loaded)
    for work, error in broken:
        _fail(work, held, error)
    try:
        return _commit(decided, held, loaded, now, decided_at)
    except DatabaseError:
        if len(decided) == 1:
            raise
        # One row spoils the statement for all: write them one by one, so that only that one fails.
        return sum(_commit_alone(one, held, loaded, now, decided_at) for one in decided)
    finally:
        tracing.mark((one.work.request_id for one in decided), "triage", began)


#: What a person or the sender may have decided. Of the related rows only the keys are read.
FIXABLE: Final = ("category_id", "department_id", "group_id", "impact", "urgency", "priority")
_READ: Final = f"""
    SELECT job.id, job.ticket_id, job.request_id, job.attempts, version,
           title, description, source, customer_tier, locked_fields, {", ".join(FIXABLE)}
      FROM {TriageJob._meta.db_table} job JOIN {Ticket._meta.db_table} ticket ON ticket.id = job.ticket_id
     WHERE job.id = ANY(%s) ORDER BY job.id"""


def _read(held: Claim, loaded: Loaded) -> list[Work]:
    """The claimed jobs' tickets as plain values: no model instances on the hot path."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(held.ids)])
        rows = cursor.fetchall()
    found = []
    for row in rows:
        job, ticket, request_id, attempts, version, title, text, source, tier, locked, *values = row
        fixed = fixed_fields(locked, values, loaded) if locked else {}
        given = Given(title, text, source, tier, fixed)
        found.append(Work(job, ticket, request_id, attempts, given, version))
    return found


def fixed_fields(locked: Sequence[str], values: Sequence[Any], loaded: Loaded) -> dict[str, Any]:
    """The locked fields' values, as decisions name them."""
    fixed = {}
    for name, value in zip(FIXABLE, values, strict=True):
        name = name.removesuffix("_id")
        if name in locked and value is not None:
            fixed[name] = loaded.name_of(name, value)
    return fixed


def _decide_all(
    works: Sequence[Work], loaded: Loaded
) -> tuple[list[Decided], list[tuple[Work, Exception]]]:
    decisions, broken = [], []
    started = time.perf_counter()
    found = loaded.examine([work.given for work in works])
    for work, evidence in zip(works, found, strict=True):
        try:
            if isinstance(evidence, Exception):
                raise evidence
            decisions.append((work, decide(work.given, evidence, loaded.knowledge)))
        except Exception as error:  # the other tickets' decisions stand
            broken.append((work, error))
    each = (time.perf_counter() - started) * 1000 / max(len(works), 1)
    return [Decided(work, decision, each) for work, decision in decisions], broken


#: What triage may change or must look at before it does, and what the clocks that follow look at.
_LOCKED: Final = (
    *(*FIXABLE, "tags", "locked_fields", "triage_status", "confidence", "version"),
    *(*KEPT_BY_SLA, "status", "customer_tier", "opened_at", "first_response_at"),
    *("merged_into_id", "parent_id"),
)


@transaction.atomic(durable=True)
def _commit(
    decided: Sequence[Decided],
    held: Claim,
    loaded: Loaded,
    now: datetime,
    decided_at: datetime | None,
) -> int:
    """Write ticket fields, decisions, events and the jobs' ends, for those jobs that are still ours."""
    # Tickets first: whoever changes a ticket locks it before its jobs, and so must we.
    tickets = _locked([one.work.ticket for one in decided], loaded)
    ours = leases.finish(TriageJob, held, [one.work.job for one in decided])
    mine = [one for one in decided if one.work.job in ours and one.work.ticket in tickets]
    if changed := [one for one in mine if tickets[one.work.ticket].version != one.work.version]:
        late = _replaced(changed)
        mine = [one for one in mine if one.work.job not in late]
    dated = {"created_at": decided_at} if decided_at else {}
    insert_rows(TriageDecision, [{**record_of(one), **dated} for one in mine])
    overtaken = {
        one.work.ticket for one in mine if _is_overtaken(tickets[one.work.ticket], one, loaded)
    }
    standing = [one for one in mine if one.work.ticket not in overtaken]
    changes = [change_of(tickets[one.work.ticket], one, loaded) for one in standing]
    record_changes(changes, actor=ACTOR, now=now)
    if overtaken:
        request_triage(tickets=[tickets[pk] for pk in sorted(overtaken)])
    ask_about(standing)
    return len(mine)


def _replaced(decided: Sequence[Decided]) -> set[int]:
    """Those jobs whose place a newer one of their ticket takes, which saw it later: they end without a word."""
    jobs = TriageJob.objects.filter(pk__in=[one.work.job for one in decided])
    newest = jobs.newest_of_their_tickets().values_list("pk", flat=True)
    return {one.work.job for one in decided} - set(newest)


def _is_overtaken(ticket: Ticket, one: Decided, loaded: Loaded) -> bool:
    """Whether a person decided a field while the engines were thinking.

    Their answer is then about another ticket: its priority and route may follow from what is not true any more.
    """
    before, locked = one.work.given.fixed, ticket.locked_fields
    if not (before or locked):
        return False
    return fixed_fields(locked, [getattr(ticket, name) for name in FIXABLE], loaded) != before


def _locked(ids: Sequence[int], loaded: Loaded) -> dict[int, Ticket]:
    """The tickets, locked, with the rows they point to from what is loaded: the joins would double the work."""
    tickets = lock_columns(ids, _LOCKED)
    for name, rows in loaded.by_id.items():
        related = cast(ForeignKey[Any, Any], Ticket._meta.get_field(name))
        for ticket in tickets:
            row = rows.get(getattr(ticket, related.attname))
            if row is not None:
                related.set_cached_value(ticket, row)  # without Django's checks of what is set
    # About a merged one nothing is decided any more: its jobs end without a word.
    return {ticket.pk: ticket for ticket in tickets if ticket.merged_into_id is None}


def _commit_alone(
    one: Decided, held: Claim, loaded: Loaded, now: datetime, decided_at: datetime | None
) -> int:
    try:
        return _commit([one], held, loaded, now, decided_at)
    except DatabaseError as error:
        _fail(one.work, held, error)
        return 0


def change_of(ticket: Ticket, one: Decided, loaded: Loaded) -> Change:
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
    sure = decision.band == "auto" and "audit" not in decision.fields["category"]
    status = TriageStatus.COMPLETED if sure else TriageStatus.NEEDS_REVIEW
    return Change(
        ticket,
        values,
        kind=EventKind.TRIAGED,
        reason=decision.fields["category"]["why"][:300],
        silent={"triage_status": status},
        request_id=one.work.request_id,
    )


def record_of(one: Decided) -> dict[str, Any]:
    """The decision as a row."""
    decision = one.decision
    return {
        "job_id": one.work.job,
        "ticket_id": one.work.ticket,
        "category": decision.category,
        "impact": decision.impact,
        "urgency": decision.urgency,
        "priority": decision.priority,
        "department": decision.department,
        "group": decision.group or "",
        "confidence": round(decision.confidence, 4),
        "band": decision.band,
        "fields": decision.fields,
        "alternatives": [[label, round(share, 4)] for label, share in decision.alternatives],
        "words": [[word, round(weight, 3)] for word, weight in decision.words],
        "rules": decision.rules,
        "model": decision.model,
        "engines": list(decision.engines),
        "input_hash": decision.input_hash,
        "milliseconds": round(one.milliseconds, 2),
    }


@transaction.atomic(durable=True)
def _fail(work: Work, held: Claim, error: Exception) -> None:
    """Record a failed attempt; after the last one the job is a dead letter."""
    reason = f"{type(error).__name__}: {error}"[:2000]
    log.warning("triage failed", job=work.job, ticket=work.ticket, error=reason)
    TriageAttempt.objects.create(job_id=work.job, attempt=work.attempts, error=reason)
    if leases.give_back(TriageJob, held, work.job, error=reason):
        bury_failed([work.job])
