"""Finding the tickets of the last 90 days that are most like another one.

A few rare features find candidates through an index, the newest tickets are always looked at, and all of them are
compared exactly. What is common is known from a sample that the index counts (`triage.services.similar`).
"""

import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from django.db import connection

from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import Comment, EventKind, Ticket, TicketEvent
from tickets.querysets import TicketQuerySet
from triage import likeness
from triage.likeness import Entries, Frequencies
from triage.models import DuplicatePolicy, TermStatistics, TicketTerms

WINDOW: Final = timedelta(days=90)
SHOWN: Final = 5
#: Tickets that are compared, at most: those with a rare word or pair of words in common, and the newest.
CANDIDATES: Final = 1800
NEWEST: Final = 200
#: Below this nothing is shared but everyday words.
LEAST: Final = 0.15
#: Words that are named as the reason.
WORDS_SHOWN: Final = 8
_READ: Final = 50


@dataclass(frozen=True)
class Known:
    """What is known of all tickets together."""

    frequencies: Frequencies
    typical_length: float
    rows: int


@dataclass(frozen=True)
class Solution:
    """What ended a ticket: the last thing that an agent told the requester, or the reason of its end."""

    text: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Similar:
    """A ticket like the one that was asked about, and why."""

    ticket: Ticket
    score: float
    shared: list[str]
    duplicate: bool
    solution: Solution | None = None


def similar_to(
    ticket: Ticket, *, among: TicketQuerySet, now: datetime, most: int = SHOWN
) -> list[Similar]:
    """Return the tickets of `among` that are most like `ticket`, best first; merged ones are left out."""
    known = current()
    if known is None:
        return []
    said = likeness.weigh(ticket.title, ticket.description)
    own = likeness.heaviest(likeness.entries_of(said), known.frequencies.rarity)
    policy = DuplicatePolicy.objects.first() or DuplicatePolicy()
    found: list[Similar] = []
    ranked = nearest(own, known, since=now - WINDOW, besides=ticket.pk)
    # Only what the asker may not see takes another round, and ten of them are enough.
    for start in range(0, min(len(ranked), 10 * _READ), _READ):
        part = dict(ranked[start : start + _READ])
        rows = among.filter(merged_into=None).with_names().in_bulk(list(part))
        for pk, score in part.items():
            if pk in rows and len(found) < most:
                shared = _shared(said, rows[pk], known)
                found.append(Similar(rows[pk], score, shared, score >= policy.suggest_from))
        if len(found) == most:
            break
    solutions = _solutions([one.ticket for one in found])
    return [
        Similar(s.ticket, s.score, s.shared, s.duplicate, solutions.get(s.ticket.pk)) for s in found
    ]


def nearest(
    own: Entries, known: Known, *, since: datetime, besides: int
) -> list[tuple[int, float]]:
    """Return (id, score) of the tickets like `own` that were opened since then, best first."""
    wanted = known.frequencies.search(own, rows=known.rows, most=CANDIDATES // 3)
    with connection.cursor() as cursor:
        cursor.execute(*candidates_query(wanted, since=since, besides=besides))
        ids, sizes, packed = cursor.fetchone()
    if not ids:
        return []
    others = likeness.unpack(packed)
    scores = likeness.compare(own, others, sizes, known.frequencies.rarity, known.typical_length)
    order = np.argsort(-scores, kind="stable")
    return list({ids[i]: float(scores[i]) for i in order if scores[i] >= LEAST}.items())


def candidates_query(
    wanted: Sequence[Sequence[int]], *, since: datetime, besides: int
) -> tuple[str, dict[str, Any]]:
    """SQL, and its parameters, for one row: ids, how many entries each has, and all entries one after another."""
    table = TicketTerms._meta.db_table
    alone = [features[0] for features in wanted if len(features) == 1]
    together = {
        f"pair{n}": list(features) for n, features in enumerate(wanted) if len(features) > 1
    }
    has = " OR ".join(
        ["terms && %(alone)s::int[]", *(f"terms @> %({name})s::int[]" for name in together)]
    )
    # `+ 0`: else PostgreSQL reads the table from one end, in the hope of enough matches. A ticket that is found
    # both ways is there twice, which costs less than to look.
    sql = f"""
        SELECT array_agg(ticket_id), array_agg(length(entries) / {likeness.ENTRY_BYTES}), string_agg(entries, '')
          FROM ((SELECT ticket_id, opened_at, entries FROM {table} WHERE {has}
                  ORDER BY ticket_id + 0 DESC LIMIT {CANDIDATES})
                UNION ALL
                (SELECT ticket_id, opened_at, entries FROM {table} ORDER BY ticket_id DESC LIMIT {NEWEST})) found
         WHERE opened_at >= %(since)s AND ticket_id <> %(besides)s"""
    return sql, {"since": since, "besides": besides, "alone": alone, **together}


def _shared(said: dict[str, float], other: Ticket, known: Known) -> list[str]:
    """The words that both speak of, those that say most first."""
    theirs = likeness.weigh(other.title, other.description)
    rarity = known.frequencies.rarity
    weights = {
        word: rarity[likeness.feature(word)] ** 2 * (said[word] * theirs[word]) ** 0.5
        for word in said.keys() & theirs.keys()
    }
    return sorted(weights, key=lambda word: (-weights[word], word))[:WORDS_SHOWN]


def _solutions(tickets: Sequence[Ticket]) -> dict[int, Solution]:
    ended = [t.pk for t in tickets if CATEGORY[Status(t.status)] is Category.RESOLVED]
    if not ended:
        return {}
    moves = TicketEvent.objects.filter(ticket__in=ended, kind=EventKind.MOVED).exclude(reason="")
    answers = Comment.objects.filter(ticket__in=ended, public=True, from_requester=False)
    return {
        **{
            move.ticket_id: Solution(move.reason, move.actor, move.at)
            for move in moves.order_by("ticket", "-pk").distinct("ticket")
        },
        **{
            answer.ticket_id: Solution(answer.body, answer.author, answer.created_at)
            for answer in answers.order_by("ticket", "-pk").distinct("ticket")
        },
    }


_lock = threading.Lock()
_known: tuple[datetime, Known] | None = None


def current() -> Known | None:
    """What was counted last; None on a desk whose tickets nobody has indexed yet.

    One small query tells whether it was counted again since the last call.
    """
    global _known
    row = TermStatistics.objects.values_list("counted_at", "rows").first()
    if row is None or row[0] is None:
        return None
    with _lock:
        if _known is None or _known[0] != row[0]:
            _known = row[0], _load()
        return replace(_known[1], rows=row[1])


def _load() -> Known:
    row = TermStatistics.objects.get()
    counts = np.frombuffer(zlib.decompress(row.counts), np.uint16)
    return Known(Frequencies(row.documents, counts), row.typical_length, row.rows)
