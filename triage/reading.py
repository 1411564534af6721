"""Reads: the queue of tickets that wait for a person's look, and what triage said about them."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import OuterRef, QuerySet, Subquery

from tickets.models import Ticket
from tickets.querysets import TicketQuerySet, hidden_department_ids
from triage.models import Correction, Rule, TriageDecision

#: The queue is counted up to here: enough to know that it is long.
COUNTED = 1000


class ReviewItem(NamedTuple):
    """A ticket that waits, with the newest decision about it and the names of the rules that it mentions."""

    ticket: Ticket
    decision: TriageDecision | None
    rules: list[str]


def review_queue(user: Any, now: datetime) -> TicketQuerySet:
    """The tickets that wait and that `user` may see, those first that need a look most at `now`."""
    tickets: TicketQuerySet = Ticket.objects.visible_to(user)
    return tickets.awaiting_review().by_need_of_review(now)


def in_band(tickets: TicketQuerySet, band: str) -> TicketQuerySet:
    """Those of `tickets` whose newest decision is in `band`."""
    decisions = TriageDecision.objects.filter(ticket=OuterRef("pk")).order_by("-pk")
    return tickets.annotate(band=Subquery(decisions.values("band")[:1])).filter(band=band)


def waiting(tickets: TicketQuerySet) -> int:
    """How many tickets there are, up to COUNTED + 1."""
    return len(tickets.order_by().values_list("pk", flat=True)[: COUNTED + 1])


def newest_decisions(tickets: Collection[int]) -> dict[int, TriageDecision]:
    """ticket id -> its newest decision."""
    rows = TriageDecision.objects.filter(ticket__in=tickets)
    return {row.ticket_id: row for row in rows.order_by("ticket", "-pk").distinct("ticket")}


def review_items(tickets: Iterable[Ticket]) -> list[ReviewItem]:
    """The tickets with what triage said. Two queries."""
    tickets = list(tickets)
    decisions = newest_decisions([ticket.pk for ticket in tickets])
    mentioned = {pk for decision in decisions.values() for pk in decision.rules}
    names = dict(Rule.objects.filter(pk__in=mentioned).values_list("pk", "name"))
    return [
        ReviewItem(ticket, found, [names[pk] for pk in found.rules if pk in names] if found else [])
        for ticket in tickets
        for found in [decisions.get(ticket.pk)]
    ]


def visible_corrections(user: Any) -> QuerySet[Correction]:
    """Corrections on tickets that `user` may see."""
    hidden = hidden_department_ids(user)
    rows = Correction.objects.all()
    return rows.exclude(ticket__department__in=hidden) if hidden else rows
