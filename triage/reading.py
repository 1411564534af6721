"""Reads: the queue of tickets that wait for a person's look, and what triage said about them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import OuterRef, Subquery
from django.db.models.lookups import Exact

from tickets.models import Ticket
from triage.models import Rule, TriageDecision
from triage.models.decisions import DECIDED

#: The queue is counted up to here: enough to know that it is long.
COUNTED = 1000


class ReviewItem(NamedTuple):
    """A ticket that waits, with the newest decision about it and the names of the rules that it mentions."""

    ticket: Ticket
    rank: int
    decision: TriageDecision | None
    rules: list[str]


def review_queue(user: Any, now: datetime) -> Any:
    """The tickets that wait and that `user` may see, as `ranked` gives them."""
    return ranked(Ticket.objects.visible_to(user).awaiting_review(), now)


def ranked(tickets: Any, now: datetime) -> Any:
    """{id, rank} of the tickets, those first that need a look most at `now`.

    No more columns: an index has these, and of all tickets that wait they are read to find the first.
    """
    return tickets.by_need_of_review(now).values("id", "rank")


def in_band(tickets: Any, band: str) -> Any:
    """Those of `tickets` whose newest decision is in `band`."""
    decisions = TriageDecision.objects.filter(ticket=OuterRef("pk")).order_by("-pk")
    return tickets.filter(Exact(Subquery(decisions.values("band")[:1]), band))


def waiting(tickets: Any) -> int:
    """How many tickets there are, up to COUNTED + 1."""
    return len(tickets.order_by().values_list("pk", flat=True)[: COUNTED + 1])


def review_items(ranked: Iterable[dict[str, Any]]) -> list[ReviewItem]:
    """The tickets, given as {id, rank}, with what triage said. Three queries."""
    ranks = {row["id"]: row["rank"] for row in ranked}
    tickets = Ticket.objects.with_names().in_bulk(ranks)
    decisions = TriageDecision.objects.newest_of_tickets(ranks)
    mentioned = {pk for decision in decisions.values() for pk in decision.rules}
    names = dict(Rule.objects.filter(pk__in=mentioned).values_list("pk", "name"))
    return [
        ReviewItem(
            tickets[pk],
            rank,
            found,
            [names[rule] for rule in found.rules if rule in names] if found else [],
        )
        for pk, rank in ranks.items()
        if pk in tickets
        for found in [decisions.get(pk)]
    ]


def explained(decision: TriageDecision) -> dict[str, Any]:
    """What pages show of a decision: each field with its reason, what else it could have been, the rules."""
    return {
        "decision": decision,
        "reasons": [
            (name, getattr(decision, name), decision.fields.get(name, {})) for name in DECIDED
        ],
        "alternatives": [(label, round(share * 100)) for label, share in decision.alternatives],
        "rules_hit": Rule.objects.filter(pk__in=decision.rules),
    }
