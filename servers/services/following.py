"""Incidents follow what people do to their tickets."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import F, Value
from django.db.models.functions import Greatest

from servers.models import Incident, IncidentState
from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import EventKind
from tickets.services.recording import NewEvent


def follow_tickets(*, events: Sequence[NewEvent]) -> None:
    """End the incidents of tickets that were ended, and move those of merged ones. The caller's transaction."""
    merged = {
        e.ticket.pk: e.ticket.merged_into_id
        for e in events
        if e.kind == EventKind.MERGED and e.ticket.merged_into_id
    }
    ended = {
        e.ticket.pk
        for e in events
        if "status" in e.changes
        and CATEGORY[Status(e.ticket.status)] is Category.RESOLVED
        and e.ticket.pk not in merged
    }
    for source, target in merged.items():
        Incident.objects.filter(ticket=source).update(ticket=target)
    if ended:
        _end(ended, events[0].at)


def _end(tickets: Collection[int], at: datetime) -> None:
    """Nothing is left to do for those whose end began here: their incidents are over already."""
    active = Incident.objects.active().filter(ticket__in=tickets)
    ids = list(active.values_list("pk", flat=True))
    Incident.objects.lock(ids)
    # What was sent before that is old news.
    Incident.objects.filter(pk__in=ids).update(
        state=IncidentState.RESOLVED,
        resolve_at=None,
        resolved_at=at,
        last_at=Greatest(F("last_at"), Value(at)),
    )
