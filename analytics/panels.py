"""What the dashboard shows of the present moment. All numbers of open tickets come from one look at them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Max, Q, Sum
from django.urls import reverse

from servers.models import Server
from servers.summary import ORDER, summary
from sla.alerts import STATES, visible_escalations
from sla.messages import sla_type
from tickets.lifecycle import LIVE
from tickets.models import Department, Priority, SlaState, Ticket, TriageStatus
from tickets.naming import join_names
from tickets.querysets import TicketQuerySet, sla_conditions
from triage.models import DriftDay

NEXT: Final = 8
#: Of the next deadlines, so many places are for those that were missed last.
LATE: Final = 2
ALERTS: Final = 8
#: Days of decisions that the triage panel sums up.
TRIAGE_DAYS: Final = 7
#: (label, at least so many days old, younger than so many).
AGES: Final = (
    ("under 1 day", None, 1),
    ("1 to 3 days", 1, 3),
    ("3 to 7 days", 3, 7),
    ("7 to 30 days", 7, 30),
    ("over 30 days", 30, None),
)
#: The gravest first.
SLA_STATES: Final = (
    *(SlaState.BREACHED, SlaState.WARNING, SlaState.OK),
    *(SlaState.PAUSED, SlaState.NONE),
)
_UNTRIAGED: Final = (TriageStatus.PENDING, TriageStatus.RUNNING)


@dataclass(frozen=True)
class Line:
    """A number with the list behind it. `share` of the sum of its panel, 0 to 1."""

    label: str
    count: int
    address: str
    share: float = 0.0
    tone: str = ""


@dataclass
class OpenTickets:
    """Counts of tickets that have not ended, as of one moment."""

    total: int = 0
    by: Counter[str] = field(default_factory=Counter)
    #: (department id, priority) -> how many; None where there is none yet.
    cells: Counter[tuple[int | None, int | None]] = field(default_factory=Counter)


def listed(**filters: Any) -> str:
    """The address of the tickets with these filters; of those that somebody works on, unless told otherwise."""
    return f"/tickets/?{urlencode({'status': ','.join(LIVE), **filters})}"


def count_open(user: Any, now: datetime) -> OpenTickets:
    """Count the open tickets that `user` sees: one statement, whose cost grows with these alone."""
    conditions = {
        **{f"is_{state}": condition for state, condition in sla_conditions(now).items()},
        **{f"age_{place}": _aged(now, place) for place in range(len(AGES))},
        "unassigned": Q(assignee=None),
        "review": Q(triage_status=TriageStatus.NEEDS_REVIEW),
        "untriaged": Q(triage_status__in=_UNTRIAGED),
    }
    counts = {name: Count("status", filter=condition) for name, condition in conditions.items()}
    rows: Any = _live(user).values("department", "priority").annotate(all=Count("*"), **counts)
    found = OpenTickets()
    for row in rows:
        found.total += row["all"]
        found.cells[row["department"], row["priority"]] += row["all"]
        for name in conditions:
            found.by[name] += row[name]
    return found


def figures(found: OpenTickets) -> list[Line]:
    """The line of numbers: what is open, what is late, what waits for somebody."""
    by, untriaged = found.by, ",".join(_UNTRIAGED)
    return [
        Line("Open tickets", found.total, listed(), tone="calm"),
        Line("Breached", by["is_breached"], listed(sla_state="breached"), tone="bad"),
        Line("Near, none missed", by["is_warning"], listed(sla_state="warning"), tone="warn"),
        Line("Unassigned", by["unassigned"], listed(assignee="none"), tone="calm"),
        Line("Need review", by["review"], listed(triage_status="needs_review"), tone="info"),
        Line("Not triaged yet", by["untriaged"], listed(triage_status=untriaged), tone="calm"),
    ]


def by_department(user: Any, found: OpenTickets) -> dict[str, Any]:
    """Open tickets, departments down and priorities across, each number with the list behind it."""
    departments = Department.objects.visible_to(user).order_by("name").values_list("pk", "name")
    most = max(found.cells.values(), default=0)
    rows = []
    for pk, name in departments:
        cells = [
            Line(
                f"P{priority}",
                found.cells[pk, priority],
                listed(department=join_names([name]), priority=priority),
                share=found.cells[pk, priority] / most if most else 0,
            )
            for priority in Priority
        ]
        total = sum(n for (department, _), n in found.cells.items() if department == pk)
        rows.append(
            {"cells": cells, "all": Line(name, total, listed(department=join_names([name])))}
        )
    return {
        "rows": sorted(rows, key=lambda row: (-row["all"].count, row["all"].label)),
        "totals": [
            Line(
                f"P{priority}",
                sum(n for (_, given), n in found.cells.items() if given == priority),
                listed(priority=priority),
            )
            for priority in Priority
        ],
        "total": Line("All", found.total, listed()),
        "unsorted": Line(
            "not sorted yet",
            sum(n for cell, n in found.cells.items() if None in cell),
            listed(unsorted="true"),
        ),
    }


def sla_states(found: OpenTickets) -> list[Line]:
    """How the open tickets stand towards their deadlines."""
    return shared([Line(s, found.by[f"is_{s}"], listed(sla_state=s), tone=s) for s in SLA_STATES])


def backlog_age(found: OpenTickets, now: datetime) -> list[Line]:
    """For how long the open tickets have been open."""
    lines = []
    for place, (label, _, _) in enumerate(AGES):
        bounds = {
            name: at.isoformat(timespec="minutes") for name, at in _bounds(now, place).items()
        }
        lines.append(Line(label, found.by[f"age_{place}"], listed(**bounds)))
    return shared(lines)


def deadlines(user: Any, now: datetime) -> list[Ticket]:
    """The tickets whose deadlines come next, after those that were missed last."""
    running = _live(user).filter(due_at__isnull=False).with_names()
    coming = list(running.filter(due_at__gt=now).order_by("due_at", "id")[:NEXT])
    missed = running.filter(due_at__lte=now).order_by("-due_at", "-id")
    shown = [*missed[: max(LATE, NEXT - len(coming))], *coming]
    found = sorted(shown, key=lambda ticket: (ticket.due_at, ticket.pk))[:NEXT]
    for ticket in found:  # how near this deadline is, whatever was missed before
        warned = ticket.warn_at is not None and ticket.warn_at <= now
        ticket.near = "breached" if ticket.due_at <= now else "warning" if warned else "ok"
    return found


def alerts(user: Any) -> list[dict[str, Any]]:
    """The newest escalations."""
    rows = visible_escalations(user).filter(skipped=False).select_related("ticket")
    return [
        {
            "id": row.pk,
            "ticket_id": row.ticket_id,
            "title": row.ticket.title,
            "state": STATES[row.breach],
            "sla_type": sla_type(row.clock.metric).replace("_", " "),
            "level": row.level,
            "at": row.detected_at,
        }
        for row in rows.order_by("-pk")[:ALERTS]
    ]


def triage(now: datetime) -> dict[str, Any]:
    """What became of the machine's categories of the last days (UTC), of the whole desk, and how often people
    changed them. The days behind these numbers are counted every few minutes."""
    since = (now - timedelta(days=TRIAGE_DAYS - 1)).date()
    days = DriftDay.objects.filter(field="category", day__gte=since)
    sums = days.aggregate(
        measured_at=Max("measured_at"),
        **{name: Sum(name) for name in ("auto", "suggest", "review", "corrected", "agreed")},
    )
    measured_at = sums.pop("measured_at")
    known = {name: value or 0 for name, value in sums.items()}
    bands = (
        ("auto", "applied", "good"),
        ("suggest", "applied, to be looked at", "info"),
        ("review", "left to a person", "warn"),
    )
    seen = known["corrected"] + known["agreed"]
    listed_days = reverse("admin:triage_driftday_changelist")
    address = f"{listed_days}?field__exact=category&day__gte={since}"
    return {
        "bands": shared(
            [Line(label, known[band], address, tone=tone) for band, label, tone in bands]
        ),
        "total": Line("decisions", sum(known[band] for band, _, _ in bands), address),
        "overridden": Line("overridden by people", known["corrected"], address),
        "seen": seen,
        "override_rate": known["corrected"] / seen if seen else None,
        "days": TRIAGE_DAYS,
        "measured_at": measured_at,
    }


def fleet(user: Any) -> dict[str, Any] | None:
    """How many servers are in which state; nothing for those who may not see servers."""
    if not user.has_perm("servers.view_server"):
        return None
    counted = summary(Server.objects.counts())
    lines = [Line(state, counted["states"].get(state, 0), "", tone=state) for state in ORDER]
    return {"total": counted["total"], "states": shared([line for line in lines if line.count])}


def shared(lines: list[Line]) -> list[Line]:
    """The same lines, each with its share of their sum."""
    total = sum(line.count for line in lines)
    return [
        Line(line.label, line.count, line.address, line.count / total if total else 0, line.tone)
        for line in lines
    ]


def _live(user: Any) -> TicketQuerySet:
    return Ticket.objects.visible_to(user).filter(status__in=LIVE)


def _bounds(now: datetime, place: int) -> dict[str, datetime]:
    """The filters of tickets that are as old as AGES says at `place`."""
    _, least, most = AGES[place]
    now = now.replace(second=0, microsecond=0)  # so that the address lasts for a minute
    bounds = {}
    if most is not None:
        bounds["opened_after"] = now - timedelta(days=most)
    if least is not None:
        bounds["opened_before"] = now - timedelta(days=least)
    return bounds


def _aged(now: datetime, place: int) -> Q:
    lookups = {"opened_after": "opened_at__gte", "opened_before": "opened_at__lt"}
    return Q(**{lookups[name]: at for name, at in _bounds(now, place).items()})
