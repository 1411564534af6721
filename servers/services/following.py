"""Incidents follow what people do to their tickets."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import F, Value
from django.db.models.functions import Greatest

from servers.models import Incident, IncidentState
from servers.models.incident import IncidentQuerySet
from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import EventKind
from tickets.services.recording import NewEvent


def follow_tickets(*, events: Sequence[NewEvent]) -> None:
    """End the incidents of tickets that were ended, let go on what fires where one was reopened, and move those of
    merged ones. The caller's transaction."""
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
    reopened = {
        e.ticket.pk
        for e in events
        if "status" in e.changes
        and CATEGORY[Status(e.changes["status"][0])] is Category.RESOLVED
        and CATEGORY[Status(e.ticket.status)] is not Category.RESOLVED
    }
    for source, target in merged.items():
        _held(Incident.objects.filter(ticket=source)).update(ticket=target)
    if ended:
        _end(ended, events[0].at)
    if reopened:
        dismissed = Incident.objects.filter(ticket__in=reopened, dismissed_at__isnull=False)
        _held(dismissed).update(state=IncidentState.FIRING, resolved_at=None, dismissed_at=None)


def _end(tickets: Collection[int], at: datetime) -> None:
    """Nothing is left to do for those whose end began here: their incidents are over already."""
    active = _held(Incident.objects.active().filter(ticket__in=tickets))
    over = {"state": IncidentState.RESOLVED, "resolve_at": None, "resolved_at": at}
    active.filter(state=IncidentState.FIRING).update(**over, dismissed_at=at)
    # Of what was well again already, all that was sent before is old news.
    active.filter(state=IncidentState.RECOVERING).update(
        **over, last_at=Greatest(F("last_at"), Value(at))
    )


def _held(incidents: IncidentQuerySet) -> IncidentQuerySet:
    """These incidents, locked in the order of their ids, so that two callers never wait for each other."""
    ids = list(incidents.values_list("pk", flat=True))
    if not ids:
        return Incident.objects.none()
    Incident.objects.lock(ids)
    return Incident.objects.filter(pk__in=ids)
