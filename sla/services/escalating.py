"""What happens when a clock reaches a level: it is recorded once, acted on, and told."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import connection

from sla.document import Level
from sla.models import Escalation, SlaClock
from sla.promises import Promise
from sla.services.outbox import Alert, queue_alerts
from tickets.models import EventKind, SupportGroup, Ticket
from tickets.services import Change, record_changes
from tickets.services.recording import LOCKABLE
from workers.sql import insert_rows, update_rows

ACTOR: Final = "sla"
#: The lock under which escalations get their ids, so that these rise in the order of commits.
_FEED_LOCK: Final = 0x5_1A_FEED


class Reached(NamedTuple):
    """A level that a clock has reached."""

    clock: SlaClock
    ticket: Ticket
    promise: Promise
    number: int
    level: Level
    at: datetime
    stood_due_since: datetime
    elapsed: timedelta


def escalate(
    *,
    reached: Sequence[Reached],
    checked: Sequence[SlaClock],
    tickets: Mapping[int, Ticket],
    now: datetime,
) -> int:
    """Record the levels reached, act on the highest of each clock, and tell the tickets that were breached.

    The caller's transaction, in which it has locked the tickets and written the clocks. Returns how many levels
    were acted on.
    """
    last = {one.clock.pk: one for one in reached}  # levels come in rising order
    acting = list(last.values())
    done = _act(acting, checked, tickets, now)
    rows = [_row(one, now, skipped=last[one.clock.pk] is not one) for one in reached]
    ids = _insert(rows)
    escalations = _escalations(ids, rows)
    alerts = [
        Alert(escalations[index], one.clock, one.ticket, one.level)
        for index, one in enumerate(reached)
        if last[one.clock.pk] is one
    ]
    told = queue_alerts(alerts=alerts)
    update_rows(
        Escalation,
        [
            {"id": alert.escalation.pk, "actions": [*done[alert.clock.pk], *sentences]}
            for alert, sentences in zip(alerts, told, strict=True)
        ],
        ["actions"],
    )
    return len(acting)


def _act(
    acting: Sequence[Reached],
    checked: Sequence[SlaClock],
    tickets: Mapping[int, Ticket],
    now: datetime,
) -> dict[int, list[str]]:
    """Change the tickets as the levels say, tell it in their history; return what was done, by clock."""
    names = {one.level.assign_group for one in acting if one.level.assign_group}
    groups = {
        group.name: group
        for group in (
            SupportGroup.objects.filter(name__in=names).select_related("department")
            if names
            else ()
        )
    }
    highest: dict[int, int] = defaultdict(int)
    for one in acting:
        highest[one.ticket.pk] = max(highest[one.ticket.pk], one.number)
    # Several clocks of one ticket may act at once: what one adds, the next one keeps.
    tags = {one.ticket.pk: list(one.ticket.tags) for one in acting}
    locked = {one.ticket.pk: set(one.ticket.locked_fields) for one in acting}
    done: dict[int, list[str]] = defaultdict(list)
    changes: list[Change] = []
    for one in acting:
        ticket = one.ticket
        values = _wanted(one, groups, tags[ticket.pk], done[one.clock.pk])
        locked[ticket.pk] |= values.keys() & LOCKABLE
        said = f"{one.clock.metric.replace('_', ' ')} level {one.number}: {one.level.threshold}"
        changes.append(
            Change(
                ticket,
                values,
                kind=EventKind.ESCALATED,
                reason=" ".join(done[one.clock.pk])[:300],
                silent={
                    "escalation_level": max(ticket.escalation_level, highest[ticket.pk]),
                    "locked_fields": sorted(locked[ticket.pk]),
                },
                beside={"escalation": [None, said]},
            )
        )
    breached = {clock.ticket_id for clock in checked if clock.breached_at is not None}
    changes += [
        Change(tickets[pk], {}, silent={"sla_breached": True})
        for pk in sorted(breached)
        if not tickets[pk].sla_breached
    ]
    record_changes(changes, actor=ACTOR, now=now)
    return done


def _wanted(
    one: Reached, groups: Mapping[str, SupportGroup], tags: list[str], done: list[str]
) -> dict[str, Any]:
    """The values that a level asks for; adds its tag to `tags` and what it does to `done`."""
    ticket, level = one.ticket, one.level
    values: dict[str, Any] = {}
    if level.raise_priority:
        if ticket.priority is not None and ticket.priority > 1:
            values["priority"] = ticket.priority - 1
            done.append(f"Priority raised to P{ticket.priority - 1}.")
        else:
            done.append("The priority could not be raised.")
    if level.assign_group:
        group = groups.get(level.assign_group)
        if group is None:
            done.append(f"There is no group {level.assign_group!r}.")
        elif group.pk != ticket.group_id:
            values |= {"department": group.department, "group": group}
            done.append(f"Handed to {group.name}.")
    if level.add_tag and level.add_tag not in tags:
        tags.append(level.add_tag)
        values["tags"] = list(tags)
        done.append(f"Tagged {level.add_tag}.")
    return values


def _row(one: Reached, now: datetime, *, skipped: bool) -> dict[str, Any]:
    clock, ticket = one.clock, one.ticket
    return {
        "clock_id": clock.pk,
        "ticket_id": ticket.pk,
        "department_id": ticket.department_id,
        "level": one.number,
        "threshold": one.level.threshold,
        "breach": one.level.breach,
        "skipped": skipped,
        "due_at": one.at,
        "detected_at": now,
        "lateness": max(now - max(one.at, one.stood_due_since), timedelta(0)),
        "elapsed_minutes": round(one.elapsed.total_seconds() / 60, 2),
        "target_minutes": round(clock.target.total_seconds() / 60, 2),
        "percent_used": round(one.elapsed / clock.target * 100, 2),
        "priority": ticket.priority,
        "customer_tier": ticket.customer_tier,
        "actions": [],
        "acknowledged_by": "",
    }


def _insert(rows: Sequence[dict[str, Any]]) -> list[int]:
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FEED_LOCK])
    return insert_rows(Escalation, rows, returning=True)


def _escalations(ids: Sequence[int], rows: Sequence[dict[str, Any]]) -> list[Escalation]:
    return [Escalation(id=pk, **row) for pk, row in zip(ids, rows, strict=True)]
