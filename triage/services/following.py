"""What follows from a person's word on a ticket: priority from impact and urgency, route from category."""

from collections.abc import Sequence
from typing import Any

from tickets.models import EventKind, Priority, Ticket, TriageStatus
from tickets.services import Change, record_changes
from tickets.services.recording import NewEvent
from triage import knowledge
from triage.knowledge import Loaded
from triage.matrix import priority
from triage.routing import Facts, route
from triage.services.correcting import ACTOR, REVIEWS, decided_by_people


def follow_people(events: Sequence[NewEvent]) -> None:
    """Give tickets the priority and the route that people's changes make, in the caller's transaction.

    What a person or the sender chose stays. A ticket whose category a person decided waits for no review.
    """
    spoken = decided_by_people(events)
    if not spoken:
        return
    rescored = {
        e.ticket.pk
        for e in spoken
        if e.changes.keys() & {"impact", "urgency"} and "priority" not in e.changes
    }
    sorted_again = {
        e.ticket.pk
        for e in spoken
        if e.kind in REVIEWS or e.changes.get("category", (None, None))[1] is not None
    }
    if not (rescored or sorted_again):
        return
    loaded = knowledge.current()
    changes = []
    for ticket in {e.ticket.pk: e.ticket for e in spoken}.values():
        rank = ticket.priority
        if (
            ticket.pk in rescored
            and ticket.impact
            and ticket.urgency
            and not ticket.priority_locked
        ):
            rank = priority(loaded.knowledge.matrix, ticket.impact, ticket.urgency)
            changes.append(Change(ticket, {"priority": rank}, reason="impact × urgency"))
        if ticket.pk in sorted_again:
            changes.append(_rerouted(ticket, rank, loaded))
    record_changes(changes, actor=ACTOR, now=spoken[0].at)


def _rerouted(ticket: Ticket, rank: int | None, loaded: Loaded) -> Change:
    waited = ticket.triage_status == TriageStatus.NEEDS_REVIEW
    silent: dict[str, Any] = {"triage_status": TriageStatus.COMPLETED.value} if waited else {}
    # A ticket that has not been triaged yet gets its route from that.
    waits = ticket.triage_status == TriageStatus.PENDING
    chosen = {"department", "group"} & set(ticket.locked_fields)
    if ticket.category is None or waits or chosen:
        return Change(ticket, {}, silent=silent)
    facts = Facts(
        category=ticket.category.slug,
        title=ticket.title,
        description=ticket.description,
        tier=ticket.customer_tier,
        source=ticket.source,
        priority=rank or Priority.P4,
    )
    found = route(loaded.knowledge.routing, facts)
    values = {
        "department": loaded.departments[found.department],
        "group": loaded.groups.get(found.group or ""),
    }
    return Change(ticket, values, kind=EventKind.ROUTED, reason=found.reason[:300], silent=silent)
