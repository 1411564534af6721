"""What happens when a ticket opens or changes: everything, in this order, in the same transaction.

And what expires: every kind of row that the hourly purge removes. And what metrics add up.
"""

from datetime import datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.db.backends.signals import connection_created
from knox.models import AuthToken

from analytics.services.exporting import forget_old_exports
from analytics.services.scheduling import forget_old_reports
from servers import services as servers
from servers.models import Storm
from servers.services import deliveries, trying
from servers.services.checking import forget_old_results
from servers.services.mails import forget_old_mails
from servers.signals import storm_started
from sla import metrics as sla_metrics
from sla import services as sla
from tickets import metrics as ticket_metrics
from tickets.models import Ticket
from tickets.services import forget_unused_contents
from tickets.services.idempotency import forget_old_keys
from tickets.services.recording import NewEvent
from tickets.signals import tickets_changed, tickets_opened, tickets_opening
from triage import knowledge
from triage import metrics as triage_metrics
from triage import services as triage
from triage.matrix import priority
from workers import tallies
from workers.services import PURGES
from workers.sql import free_what_vanished_hosts_hold


def opening(sender: Any, *, tickets: list[Ticket], **_: Any) -> None:
    sla.set_deadlines(tickets=tickets)


def opened(sender: Any, *, tickets: list[Ticket], **_: Any) -> None:
    sla.start_clocks(tickets=tickets)
    triage.request_triage(tickets=tickets)
    sla.announce_opened(tickets=tickets)


def changed(sender: Any, *, tickets: list[Ticket], events: list[NewEvent], **_: Any) -> None:
    triage.react_to_changes(events=events)
    triage.mark_reworded(events=events)
    triage.record_corrections(events=events)
    servers.follow_tickets(events=events)
    sla.follow(events=events)
    sla.follow_acknowledgements(events=events)
    sla.withdraw_created(events=events)
    sla.announce_changes(events=events)


def storm_began(sender: Any, *, storm: Storm, ticket: Ticket, at: datetime, **_: Any) -> None:
    facts = {
        "id": storm.pk,
        "why": storm.why,
        "labels": storm.labels,
        "title": storm.title,
        "incidents": storm.incidents_count,
        "usual": round(storm.expected, 2),
    }
    sla.announce_storm(ticket=ticket, storm=facts, at=at)


def forget_expired_tokens(now: datetime) -> int:
    return int(AuthToken.objects.filter(expiry__lt=now).delete()[0])


def forget_expired_sessions(now: datetime) -> int:
    return int(Session.objects.filter(expire_date__lt=now).delete()[0])


def priority_of(impact: int, urgency: int) -> int:
    return priority(knowledge.current().knowledge.matrix, impact, urgency)


def connect() -> None:
    tickets_opening.connect(opening, dispatch_uid="smartops.opening")
    tickets_opened.connect(opened, dispatch_uid="smartops.opened")
    tickets_changed.connect(changed, dispatch_uid="smartops.changed")
    storm_started.connect(storm_began, dispatch_uid="smartops.storm_began")
    tallies.SOURCES[:] = [
        *ticket_metrics.SOURCES,
        *triage_metrics.SOURCES,
        *sla_metrics.SOURCES,
    ]
    connection_created.connect(free_what_vanished_hosts_hold, dispatch_uid="smartops.connected")
    trying.PRIORITY_OF[:] = [priority_of]
    PURGES[:] = [
        forget_old_keys,
        forget_old_mails,
        forget_unused_contents,
        forget_expired_tokens,
        forget_expired_sessions,
        sla.forget_old_notifications,
        servers.forget_old_events,
        servers.forget_old_marks,
        forget_old_results,
        triage.forget_old_shadows,
        triage.forget_old_models,
        triage.forget_old_drift,
        triage.forget_old_terms,
        deliveries.forget_old_deliveries,
        forget_old_exports,
        forget_old_reports,
    ]
