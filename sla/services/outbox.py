"""The outbox: what shall be told becomes rows in the transaction that made it true."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection

from sla import subscriptions
from sla.document import Level
from sla.messages import AlertFacts, TicketFacts, cut, message
from sla.models import Channel, Escalation, MessageKind, Notification, SlaClock
from sla.services.recipients import Recipients, may_hear
from tickets.lifecycle import Status
from tickets.models import EventKind, Ticket
from tickets.services.recording import NewEvent
from workers.context import current_request_id
from workers.dispatch import enqueue_each
from workers.names import TaskName
from workers.sql import as_json

#: Fields whose values callbacks tell. Descriptions and internal comments stay here.
TOLD: Final = (
    *("title", "status", "impact", "urgency", "priority", "category", "department", "group"),
    *("assignee", "customer_tier", "tags", "merged_into", "parent"),
)
_COLUMNS: Final = frozenset(
    {
        *("title", "status", "priority", "customer_tier", "external_id", "source", "owner_id"),
        "parent_id",
    }
)
_RELATIONS: Final[dict[str, Any]] = {
    name: Ticket._meta.get_field(name) for name in ("category", "department", "group", "assignee")
}


@dataclass(frozen=True)
class Alert:
    """An escalation that was just written, and what the policy says about it."""

    escalation: Escalation
    clock: SlaClock
    ticket: Ticket
    level: Level


@dataclass(frozen=True)
class _Fact:
    """Something that happened to a ticket, as callbacks hear of it."""

    ticket: Ticket
    kind: MessageKind
    at: Any
    extra: dict[str, Any]
    request_id: str


def queue_alerts(*, alerts: Sequence[Alert]) -> list[list[str]]:
    """Write a message for everybody whom an alert is for, in the caller's transaction.

    The number of statements does not grow with the alerts, whose tickets are loaded with their names. Returns for
    each alert sentences that say who will be told, and who not and why.
    """
    recipients = Recipients.load([(alert.ticket, alert.level) for alert in alerts])
    rows: list[dict[str, Any]] = []
    told: list[list[str]] = []
    for alert in alerts:
        reached = alert.escalation
        found = recipients.of(
            alert.ticket, alert.level, reached=reached.level, breach=reached.breach
        )
        rows += [_alert_row(alert, *receiver) for receiver in found.receivers]
        told.append(found.sentences)
    _write(rows)
    return told


def announce_opened(*, tickets: Sequence[Ticket]) -> None:
    """Tell owners' callbacks of new tickets, in the caller's transaction."""
    if subscriptions.current():
        kind, here = MessageKind.TICKET_CREATED, current_request_id()
        _queue([_Fact(ticket, kind, ticket.opened_at, {"changes": {}}, here) for ticket in tickets])


def announce_changes(*, events: Sequence[NewEvent]) -> None:
    """Tell owners' callbacks what happened to tickets, in the caller's transaction.

    Nothing is told of an internal comment, nor of a change that shows in no field that callbacks tell. Of a ticket
    that is attached to another one only its own owner's callbacks hear.
    """
    if not subscriptions.current():
        return
    facts = []
    for event in events:
        changes = _told_changes(event)
        kind = _kind_of(event)
        if changes or kind is MessageKind.TICKET_TRIAGED:
            extra = {"changes": changes, "actor": event.actor}
            facts.append(_Fact(event.ticket, kind, event.at, extra, event.request_id))
    _queue(facts)


def announce_batch(*, batch: dict[str, Any], owner: UUID | None, at: datetime) -> None:
    """Tell callbacks that a batch of triage has ended: its owner's and those for all owners. The caller's
    transaction."""
    text = f"Triage batch {batch['id']} has ended: {batch['done']} done, {batch['failed']} failed"
    payload = message(MessageKind.BATCH_FINISHED, at, {"message": text, "batch": batch})
    once = uuid4()
    _write(
        [
            _row(channel, MessageKind.BATCH_FINISHED, payload, f"batch:{once}:{channel}")
            for channel, listens_to, events in subscriptions.current()
            if MessageKind.BATCH_FINISHED in events and listens_to in (None, owner)
        ]
    )


def announce_drift(
    *, finding: dict[str, Any], once: str, people: Sequence[str], at: datetime
) -> None:
    """Tell people, by their mail addresses, and callbacks for all owners that triage has drifted; under the same
    `once` no second time. `finding` has a `message`. The caller's transaction."""
    payload = message(MessageKind.DRIFT_FOUND, at, finding)
    mail = Channel.objects.filter(for_people=True, enabled=True).values_list("pk", flat=True)
    receivers = [(channel, address) for channel in mail for address in people]
    receivers += [
        (channel, "")
        for channel, owner, events in subscriptions.current()
        if MessageKind.DRIFT_FOUND in events and owner is None
    ]
    _write(
        [
            _row(
                channel,
                MessageKind.DRIFT_FOUND,
                payload,
                f"drift:{once}:{channel}:{address.casefold()}",
                recipient=address,
            )
            for channel, address in receivers
        ]
    )


def announce_storm(*, ticket: Ticket, storm: dict[str, Any], at: datetime) -> None:
    """Tell of a storm, once: the channels to which routes lead from its ticket, and callbacks for all owners. The
    caller's transaction."""
    [ticket] = _read([ticket]).values()
    recipients = Recipients.load([(ticket, Level(at=100))])
    hearing = {(pk, conceal) for pk, _, conceal in recipients.routed(ticket)}
    hearing |= {
        (channel, False)
        for channel, owner, events in subscriptions.current()
        if MessageKind.STORM_STARTED in events and owner is None and may_hear(None, ticket)
    }
    rows = []
    for channel, conceal in sorted(hearing):
        told = facts_of(ticket).data(conceal=conceal)
        text = f"Ticket #{ticket.pk}: {told['title'] if conceal else storm['why']}"
        data = {"message": text, "ticket": told, **({} if conceal else {"storm": storm})}
        payload = message(MessageKind.STORM_STARTED, at, data)
        key = f"storm:{storm['id']}:{channel}"
        rows.append(_row(channel, MessageKind.STORM_STARTED, payload, key, ticket=ticket.pk))
    _write(rows)


def _kind_of(event: NewEvent) -> MessageKind:
    if event.kind == EventKind.TRIAGED:
        return MessageKind.TICKET_TRIAGED
    if event.changes.get("status", [None, None])[1] == Status.RESOLVED:
        return MessageKind.TICKET_RESOLVED
    return MessageKind.TICKET_UPDATED


def _told_changes(event: NewEvent) -> dict[str, Any]:
    if event.kind == EventKind.COMMENTED:
        public = event.changes.get("public", [None, False])[1]
        return {"comment": event.changes["comment"]} if public else {}
    changes: dict[str, Any] = {name: event.changes[name] for name in TOLD if name in event.changes}
    if "title" in changes:
        changes["title"] = [cut(str(title or ""), 140) for title in changes["title"]]
    return changes


def _queue(facts: Sequence[_Fact]) -> None:
    """Write a message for each fact and each callback that wants it."""
    wanted: dict[str, list[tuple[int, UUID | None]]] = defaultdict(list)
    for subscription in subscriptions.current():
        for event in subscription.events:
            wanted[event].append((subscription.channel, subscription.owner))
    facts = [fact for fact in facts if fact.kind in wanted]
    tickets = _read(fact.ticket for fact in facts)
    rows = []
    for fact in facts:
        ticket, once = tickets[fact.ticket.pk], uuid4()
        payload = message(fact.kind, fact.at, {"ticket": facts_of(ticket).data(), **fact.extra})
        for channel, owner in wanted[fact.kind]:
            if may_hear(owner, ticket) and (owner is not None or ticket.parent_id is None):
                key = f"{fact.kind}:{once}:{channel}"
                row = _row(channel, fact.kind, payload, key, ticket=ticket.pk)
                rows.append(row | {"request_id": fact.request_id})
    _write(rows)


def facts_of(ticket: Ticket) -> TicketFacts:
    """What messages tell of a ticket, which is loaded with its names."""
    return TicketFacts(
        id=ticket.pk,
        url=f"{settings.PUBLIC_URL}/admin/tickets/ticket/{ticket.pk}/change/",
        title=ticket.title,
        status=ticket.status,
        priority=ticket.priority,
        customer_tier=ticket.customer_tier,
        category=ticket.category.slug if ticket.category else None,
        department=ticket.department.name if ticket.department else None,
        group=ticket.group.name if ticket.group else None,
        assignee=ticket.assignee.get_username() if ticket.assignee else None,
        source=ticket.source,
        external_id=ticket.external_id,
        owner_id=str(ticket.owner_id) if ticket.owner_id else None,
    )


def _alert_row(alert: Alert, channel: int, recipient: str, conceal: bool) -> dict[str, Any]:
    escalation = alert.escalation
    kind = MessageKind.SLA_BREACHED if escalation.breach else MessageKind.SLA_WARNING
    facts = AlertFacts(
        id=escalation.pk,
        metric=alert.clock.metric,
        breach=escalation.breach,
        level=escalation.level,
        level_name=alert.level.name,
        threshold=escalation.threshold,
        due_at=escalation.due_at,
        detected_at=escalation.detected_at,
        elapsed_minutes=escalation.elapsed_minutes,
        target_minutes=escalation.target_minutes,
        percent_used=escalation.percent_used,
    )
    data = {"ticket": facts_of(alert.ticket).data(conceal=conceal), "sla": facts.data()}
    payload = message(kind, escalation.detected_at, data)
    key = f"escalation:{escalation.pk}:{channel}:{recipient.casefold()}"
    about: dict[str, Any] = {"ticket": alert.ticket.pk, "recipient": recipient}
    return _row(channel, kind, payload, key, escalation=escalation.pk, **about)


def _row(
    channel: int,
    kind: MessageKind,
    payload: dict[str, Any],
    key: str,
    *,
    escalation: int | None = None,
    ticket: int | None = None,
    recipient: str = "",
) -> dict[str, Any]:
    return {
        "channel_id": channel,
        "kind": kind.value,
        "escalation_id": escalation,
        "ticket_id": ticket,
        "recipient": recipient,
        "payload": payload,
        "key": key,
    }


def _read(tickets: Iterable[Ticket]) -> dict[int, Ticket]:
    """Whole tickets with their names: what is stored, and over it what the given rows hold.

    The given ones may have a few columns only; the stored ones may be a change behind, for a change is announced
    before it is written.
    """
    given = {ticket.pk: ticket for ticket in tickets}
    found = Ticket.objects.with_names().in_bulk(given) if given else {}
    for pk, ticket in found.items():
        newer = given[pk].__dict__
        for name in _COLUMNS & newer.keys():
            ticket.__dict__[name] = newer[name]
        for name, field in _RELATIONS.items():
            if newer.get(field.attname, ...) not in (..., getattr(ticket, field.attname)):
                ticket.__dict__[field.attname] = newer[field.attname]
                field.set_cached_value(ticket, getattr(given[pk], name))
    return found


def _write(rows: Sequence[dict[str, Any]]) -> None:
    """Insert messages that are not there yet and ask for their delivery after the commit."""
    if not rows:
        return
    channels = _open_channels({row["channel_id"] for row in rows})
    here = {"request_id": current_request_id()}
    insert([here | row for row in rows if row["channel_id"] in channels])
    enqueue_each(TaskName.SLA_DELIVER, sorted(channels))


def _open_channels(ids: set[int]) -> set[int]:
    """Those that are there and switched on, held until the commit, which a deleted one would make fail."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT id FROM {Channel._meta.db_table} WHERE id = ANY(%s) AND enabled
                 ORDER BY id FOR KEY SHARE""",
            [list(ids)],
        )
        return {pk for (pk,) in cursor.fetchall()}


def insert(rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert messages in their order; those whose key is there already are left out. Returns the new ids."""
    if not rows:
        return []
    columns = ", ".join(rows[0])
    table = Notification._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {table} ({columns})
                SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s::json)
                ON CONFLICT (key) DO NOTHING RETURNING id""",
            [as_json(rows)],
        )
        return [pk for (pk,) in cursor.fetchall()]
