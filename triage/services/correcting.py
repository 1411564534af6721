"""What people say instead of the machine, or with it: each word on a triaged ticket's field is a label."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from tickets.models import EventKind
from tickets.services.recording import LOCKABLE, NewEvent
from triage.models import Correction, TriageDecision
from workers.sql import insert_rows

#: What histories call us.
ACTOR: Final = "triage"
#: Parts of the system that change tickets on their own account; everybody else is a person or a sender.
MACHINES: Final = frozenset({ACTOR, "sla", "servers", "storms"})
#: Reviews write their corrections themselves: they also know what was confirmed without a change.
REVIEWS: Final = frozenset({EventKind.CONFIRMED, EventKind.REVIEWED})
_LABELLED: Final = frozenset(LOCKABLE)


def decided_by_people(events: Iterable[NewEvent]) -> list[NewEvent]:
    """Those events in which somebody else than the machine confirmed or set what triage decides."""
    return [
        event
        for event in events
        if event.actor not in MACHINES
        and event.kind != EventKind.REVIEW_UNDONE
        and (event.kind in REVIEWS or not _LABELLED.isdisjoint(event.changes))
    ]


def record_corrections(*, events: Sequence[NewEvent]) -> None:
    """Keep what people changed on triaged tickets, in the caller's transaction.

    A field that is handed back to triage, cleared or unlocked, is no label, nor is what was said of it before.
    """
    _take_back(events)
    spoken = [e for e in decided_by_people(events) if e.kind not in REVIEWS]
    if not spoken:
        return
    newest = TriageDecision.objects.newest_of_tickets({event.ticket.pk for event in spoken})
    rows = [
        correction(decision, name, event.changes[name], by=event.actor, at=event.at, via="ticket")
        for event in spoken
        if (decision := newest.get(event.ticket.pk))
        for name in LOCKABLE
        if name in event.changes and event.changes[name][1] is not None
    ]
    insert_rows(Correction, rows)


def _take_back(events: Sequence[NewEvent]) -> None:
    tickets: dict[frozenset[str], list[int]] = defaultdict(list)
    for event in events:
        if event.actor not in MACHINES and event.kind != EventKind.REVIEW_UNDONE:
            tickets[_handed_back(event)].append(event.ticket.pk)
    for fields, ids in tickets.items():
        if fields:
            said = Correction.objects.filter(ticket__in=ids, field__in=fields, undone_at=None)
            said.update(undone_at=events[0].at)


def _handed_back(event: NewEvent) -> frozenset[str]:
    cleared = frozenset(n for n in LOCKABLE if event.changes.get(n, ("", ""))[1] is None)
    unlocked = event.changes.get("locked_fields", ((), ()))[0] or ()
    return cleared.union(unlocked).difference(event.ticket.locked_fields)


def correction(
    decision: TriageDecision,
    field: str,
    change: Sequence[Any],
    *,
    by: str,
    at: datetime,
    via: str,
) -> dict[str, Any]:
    """A row for `Correction`. `change`: [old, new], as the history names them."""
    before, value = ("" if part is None else str(part) for part in change)
    said = decision.fields.get(field, {})
    # Where a person had decided before, the machine had said nothing that one could agree with.
    asked = said.get("by") != "person"
    whole: dict[str, Any] = {}
    if field == "category" and asked:
        whole = {"band": decision.band, "confidence": decision.confidence}
    return {
        "ticket_id": decision.ticket_id,
        "decision_id": decision.pk,
        "field": field,
        "before": before,
        "value": value,
        "agreed": asked and value == str(getattr(decision, field)),
        "band": said.get("band", whole.get("band", "")),
        "confidence": said.get("confidence", whole.get("confidence")),
        "via": via,
        "by": by,
        "at": at,
    }
