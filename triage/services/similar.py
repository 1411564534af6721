"""Keeping the index of similar tickets: new ones in, changed ones anew, old ones out; and what they repeat.

All of it happens on a tick. The transactions that open and change tickets only mark changed words.
One worker at a time holds the row of statistics, which also says how far the index has come.
"""

import time
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.db.models.functions import Left

from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import Ticket, TriageStatus
from tickets.services import merge_tickets
from tickets.services.recording import NewEvent
from triage import likeness, similar
from triage.classifier.dataset import load_corpus
from triage.likeness import Entries, Frequencies, Rarity
from triage.models import DuplicatePolicy, TermStatistics, TicketTerms
from triage.services.correcting import ACTOR
from triage.similar import Known
from workers.errors import PermanentError

log = structlog.get_logger("triage.similar")

#: The heaviest features of a ticket, by which others find it.
SEARCHED: Final = 24
CHUNK: Final = 500
#: A tick stops after so many seconds; the next one goes on. Imports must not keep the queue from other ticks.
SECONDS: Final = 5.0
#: What had an id so long ago is committed by now, or never will be.
SETTLED: Final = timedelta(seconds=10)
SAMPLE: Final = 20_000
#: Counted again when the index has grown by half, and once a day.
GROWTH: Final = 1.5
COUNTED_FOR: Final = timedelta(days=1)
#: Below so many tickets of its own, a desk also counts those that ship with the classifier.
ENOUGH: Final = 1000
#: Older ones come from an import: nobody waits to hear that they are duplicates.
COMPARED: Final = timedelta(days=1)
COMPARED_AT_ONCE: Final = 50
_TEXT: Final = ("pk", "title", "opened_at")


def mark_reworded(*, events: Sequence[NewEvent]) -> None:
    """Say that the words of tickets changed. The caller's transaction."""
    ids = [e.ticket.pk for e in events if e.changes.keys() & {"title", "description"}]
    if ids:
        TicketTerms.objects.filter(ticket__in=ids).update(stale=True)


def index_tickets(*, now: datetime, settled: timedelta = SETTLED) -> int:
    """Bring the index up to date, for a few seconds at most. Returns how many tickets were put in."""
    TermStatistics.objects.get_or_create(pk=1)
    until, count = time.monotonic() + SECONDS, 0
    _count_again(now, settled)
    while time.monotonic() < until and (done := _index_chunk(now, settled)):
        count += done
    _count_again(now, settled)
    while time.monotonic() < until and _compare_chunk(now):
        pass
    return count


def forget_old_terms(now: datetime) -> int:
    """Take tickets out of the index that are older than it looks back."""
    rows, _ = TicketTerms.objects.filter(opened_at__lt=now - similar.WINDOW).delete()
    return rows


def _held() -> TermStatistics | None:
    """The row of statistics, locked without what is large in it; None when another worker has it."""
    rows = TermStatistics.objects.defer("counts").select_for_update(skip_locked=True)
    return rows.first()


@transaction.atomic(durable=True)
def _index_chunk(now: datetime, settled: timedelta) -> int:
    """Index the next tickets, then those whose words changed. Returns how many were looked at."""
    state = _held()
    known = similar.current()
    if state is None or known is None:
        return 0
    rarity = known.frequencies.rarity
    fresh = _texts(
        Ticket.objects.filter(pk__gt=state.indexed_to, pk__lte=_settled_to(state, settled))
    )
    young = [row for row in fresh if row["opened_at"] >= now - similar.WINDOW]
    _write(young, rarity)
    if fresh:
        state.indexed_to = fresh[-1]["pk"]
        state.rows += len(young)
        state.save(update_fields=["indexed_to", "rows"])
        return len(fresh)
    # Locked before their texts are read: whoever changes one now waits, and marks it again.
    stale = TicketTerms.objects.filter(stale=True).select_for_update(skip_locked=True)
    changed = _texts(Ticket.objects.filter(pk__in=list(stale.values_list("pk", flat=True)[:CHUNK])))
    _write(changed, rarity)
    return len(changed)


def _settled_to(state: TermStatistics, settled: timedelta) -> int:
    """The highest id below which no transaction is still writing tickets.

    Ids are given before the commit: a lower one may appear after a higher one. So the newest id is noted, and used
    a while later. By the database's clock.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [at] = cursor.fetchone()
    if state.seen_at is None or (
        at - state.seen_at >= settled and state.indexed_to >= state.seen_to
    ):
        newest = Ticket.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        state.seen_to, state.seen_at = newest, at
        state.save(update_fields=["seen_to", "seen_at"])
    return state.seen_to if at - state.seen_at >= settled else state.indexed_to


def _texts(tickets: Any) -> list[dict[str, Any]]:
    """The next chunk of tickets, with what is read of them."""
    text = Left("description", likeness.READ_CHARACTERS)
    return list(tickets.order_by("pk").values(*_TEXT, text=text)[:CHUNK])


def _entries(row: dict[str, Any]) -> Entries:
    return likeness.entries_of(likeness.weigh(row["title"], row["text"]))


def _write(rows: Sequence[dict[str, Any]], rarity: Rarity) -> None:
    """Put tickets into the index, or write anew what it says of them."""
    terms = []
    for row in rows:
        kept = likeness.heaviest(_entries(row), rarity)
        terms.append(
            TicketTerms(
                ticket_id=row["pk"],
                opened_at=row["opened_at"],
                terms=kept["feature"][:SEARCHED].tolist(),
                entries=kept.tobytes(),
            )
        )
    TicketTerms.objects.bulk_create(
        terms,
        update_conflicts=True,
        unique_fields=["ticket"],
        update_fields=["terms", "entries", "stale"],
    )


@transaction.atomic(durable=True)
def _count_again(now: datetime, settled: timedelta) -> None:
    """Count how common each feature is, if what is known of it is too old or from too few tickets."""
    state = _held()
    if state is None:
        return
    fresh = state.counted_at is not None and now - state.counted_at < COUNTED_FOR
    if fresh and state.rows <= state.counted_rows * GROWTH:
        return
    state.rows = TicketTerms.objects.count()
    entries = [_entries(row) for row in _sample(state.rows)]
    if state.rows < ENOUGH:
        entries += _shipped()
    frequencies = Frequencies.count(entries)
    rarity = frequencies.rarity
    kept = [likeness.heaviest(one, rarity) for one in entries]
    state.documents = frequencies.documents
    state.counts = zlib.compress(frequencies.counts.tobytes(), 1)
    state.typical_length = likeness.typical_length(kept, rarity)
    state.counted_at, state.counted_rows = now, max(state.rows, 20)
    state.save()


@cache
def _shipped() -> list[Entries]:
    return [likeness.entries_of(likeness.weigh(*example.text)) for example in load_corpus()]


def _sample(rows: int) -> list[dict[str, Any]]:
    """Texts of about `SAMPLE` tickets of the index, drawn by pages of the table."""
    share = min(100.0, 100 * SAMPLE / max(rows, 1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT t.id, t.title, left(t.description, {likeness.READ_CHARACTERS})
                  FROM {TicketTerms._meta.db_table} i TABLESAMPLE SYSTEM (%s)
                  JOIN {Ticket._meta.db_table} t ON t.id = i.ticket_id LIMIT {SAMPLE}""",
            [share],
        )
        return [{"pk": pk, "title": title, "text": text} for pk, title, text in cursor.fetchall()]


def _compare_chunk(now: datetime) -> int:
    """Ask what the next tickets repeat; merge them where the admin wants that. Returns how many were looked at.

    Each merge is a transaction of its own, and the mark moves after them: a tick that dies is done again, which
    changes nothing that was done.
    """
    state, known = TermStatistics.objects.defer("counts").get(), similar.current()
    waiting = TicketTerms.objects.filter(
        ticket__gt=state.compared_to, ticket__lte=state.indexed_to
    ).order_by("ticket")
    rows = list(waiting.select_related("ticket__department")[:COMPARED_AT_ONCE])
    if known is None or not rows:
        return 0
    policy = DuplicatePolicy.objects.first() or DuplicatePolicy()
    for row in rows:
        if row.opened_at >= now - COMPARED and _goes_on(row.ticket):
            try:
                _suggest(row, known, policy, now)
            except Exception:  # one that breaks us must not stop those behind it
                log.exception("not compared", ticket=row.ticket_id)
    mine = TermStatistics.objects.filter(compared_to=state.compared_to)
    mine.update(compared_to=rows[-1].ticket_id)
    return len(rows)


def _goes_on(ticket: Ticket) -> bool:
    return (
        ticket.merged_into_id is None and CATEGORY[Status(ticket.status)] is not Category.RESOLVED
    )


def _suggest(row: TicketTerms, known: Known, policy: DuplicatePolicy, now: datetime) -> None:
    """Note the older ticket that this one probably repeats, or merge it there."""
    ranked = similar.nearest(
        likeness.unpack(row.entries), known, since=now - similar.WINDOW, besides=row.ticket_id
    )
    alike = {pk: score for pk, score in ranked if score >= policy.suggest_from}
    older = Ticket.objects.filter(pk__in=alike, pk__lt=row.ticket_id).select_related("department")
    targets = {ticket.pk: ticket for ticket in older if _goes_on(ticket)}
    target = next((targets[pk] for pk in alike if pk in targets), None)
    if target is None:
        return
    score = alike[target.pk]
    TicketTerms.objects.filter(pk=row.pk).update(probable=target, likeness=round(score, 4))
    if (
        policy.merge_from is not None
        and score >= policy.merge_from
        and _may_meet(row.ticket, target)
    ):
        reason = f"{score:.0%} alike; from {policy.merge_from:.0%} on tickets are merged."
        try:
            merge_tickets(source=row.ticket_id, into=target.pk, actor=ACTOR, now=now, reason=reason)
        except PermanentError as error:  # a person was quicker
            log.info("not merged", ticket=row.ticket_id, into=target.pk, error=str(error))


def _may_meet(one: Ticket, other: Ticket) -> bool:
    """Whether nobody sees more by their merge: triage has said where both belong, neither is apart, and the client
    system knows both as the same owner's."""
    if one.owner_id != other.owner_id:
        return False
    decided = {TriageStatus.COMPLETED, TriageStatus.NEEDS_REVIEW}
    if not {one.triage_status, other.triage_status} <= decided:
        return False
    departments = [ticket.department for ticket in (one, other)]
    return one.department_id == other.department_id or not any(
        department and department.restricted for department in departments
    )
