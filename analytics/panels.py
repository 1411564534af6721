"""What the dashboard shows of the present moment, each panel in a bounded time however large the desk is."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Sum

from servers.models import Server
from servers.summary import ORDER, summary
from sla.alerts import STATES, visible_escalations
from sla.messages import sla_type
from tickets.lifecycle import LIVE
from tickets.models import Department, Priority, SlaState, Ticket, TriageStatus
from tickets.querysets import TicketQuerySet
from triage.models import DriftDay, TriageJob
from workers.leases import ACTIVE
from workers.models import DeadLetter, Heartbeat

#: Beyond it a count reads "10,000+": enough to act on, and found quickly.
MOST_COUNTED: Final = 10_000
NEXT: Final = 8
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
_LIVE: Final = {"status": ",".join(LIVE)}


def listed(**filters: Any) -> str:
    """The address of the tickets with these filters; of those that somebody works on, unless told otherwise."""
    return f"/tickets/?{urlencode({**_LIVE, **filters})}"


def figures(user: Any, now: datetime) -> list[dict[str, Any]]:
    """The line of numbers: what is open, what is late, what waits for somebody."""
    live = _live(user)
    states = {state: live.in_sla_states([state], now) for state in SlaState.values}
    shown = [
        ("Open tickets", live, listed(), "calm"),
        ("Breached", states["breached"], listed(sla_state="breached"), "bad"),
        ("Deadline near", states["warning"], listed(sla_state="warning"), "warn"),
        ("Unassigned", live.filter(assignee=None), listed(assignee="none"), "calm"),
        (
            "Need review",
            live.filter(triage_status=TriageStatus.NEEDS_REVIEW),
            listed(triage_status="needs_review"),
            "info",
        ),
        (
            "Not triaged yet",
            live.filter(triage_status__in=[TriageStatus.PENDING, TriageStatus.RUNNING]),
            listed(triage_status="pending,running"),
            "calm",
        ),
    ]
    return [
        {"label": label, "address": address, "tone": tone, **_counted(tickets)}
        for label, tickets, address, tone in shown
    ]


def deadlines(user: Any, now: datetime) -> list[Ticket]:
    """The tickets whose deadlines come next, after those that were missed last."""
    running = _live(user).filter(due_at__isnull=False).with_names()
    coming = list(running.filter(due_at__gt=now).order_by("due_at", "id")[:NEXT])
    missed = running.filter(due_at__lte=now).order_by("-due_at", "-id")
    shown = [*missed[: max(LATE, NEXT - len(coming))], *coming]
    found = sorted(shown, key=lambda ticket: (ticket.due_at, ticket.pk))[:NEXT]
    for ticket in found:
        ticket.state = ticket.sla_state(now)
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
            "sla_type": sla_type(row.clock.metric),
            "level": row.level,
            "at": row.detected_at,
        }
        for row in rows.order_by("-pk")[:ALERTS]
    ]


def open_by_priority(user: Any) -> dict[str, Any]:
    """Open tickets, departments down and priorities across, each number with the list behind it."""
    counts = _live(user).values_list("department", "priority").annotate(count=Count("pk"))
    cells = {(department, priority): count for department, priority, count in counts.order_by()}
    names = dict(Department.objects.visible_to(user).order_by("name").values_list("pk", "name"))
    most = max(cells.values(), default=0)
    rows = [
        _row(name, {p: cells.get((pk, p), 0) for p in Priority}, most) for pk, name in names.items()
    ]
    unsorted = sum(
        n for (department, priority), n in cells.items() if not (department and priority)
    )
    totals: Counter[int] = Counter()
    for (_, priority), count in cells.items():
        totals[priority] += count
    return {
        "rows": sorted(rows, key=lambda row: -row["total"]),
        "totals": [
            {"priority": p, "count": totals[p], "address": listed(priority=p)} for p in Priority
        ],
        "total": sum(cells.values()),
        "unsorted": unsorted,
    }


def sla_states(user: Any, now: datetime) -> list[dict[str, Any]]:
    """How the open tickets stand towards their deadlines."""
    live = _live(user)
    shown = [
        {
            "state": state,
            "address": listed(sla_state=state),
            **_counted(live.in_sla_states([state], now)),
        }
        for state in ("breached", "warning", "ok", "paused", "none")
    ]
    return _with_shares(shown)


def backlog_age(user: Any, now: datetime) -> list[dict[str, Any]]:
    """For how long the open tickets have been open."""
    shown = []
    for label, least, most in AGES:
        filters = {}
        if most is not None:
            filters["opened_after"] = now - timedelta(days=most)
        if least is not None:
            filters["opened_before"] = now - timedelta(days=least)
        chosen = {"opened_after": "opened_at__gte", "opened_before": "opened_at__lt"}
        tickets = _live(user).filter(**{chosen[name]: at for name, at in filters.items()})
        said = {name: at.replace(microsecond=0).isoformat() for name, at in filters.items()}
        shown.append({"label": label, "address": listed(**said), **_counted(tickets)})
    return _with_shares(shown)


def triage(now: datetime) -> dict[str, Any]:
    """What became of the machine's answers of the last days, and how often people changed them."""
    since = (now - timedelta(days=TRIAGE_DAYS)).date()
    sums = DriftDay.objects.filter(field="category", day__gte=since).aggregate(
        **{name: Sum(name) for name in ("auto", "suggest", "review", "corrected", "agreed")}
    )
    known = {name: value or 0 for name, value in sums.items()}
    bands = [
        {"label": label, "count": known[band], "tone": tone}
        for band, label, tone in (
            ("auto", "applied", "good"),
            ("suggest", "applied, to be looked at", "info"),
            ("review", "left to a person", "warn"),
        )
    ]
    seen = known["corrected"] + known["agreed"]
    return {
        "bands": _with_shares(bands),
        "total": sum(band["count"] for band in bands),
        "overridden": known["corrected"],
        "seen": seen,
        "override_rate": known["corrected"] / seen if seen else None,
        "days": TRIAGE_DAYS,
    }


def fleet(user: Any) -> dict[str, Any] | None:
    """How many servers are in which state; nothing for those who may not see servers."""
    if not user.has_perm("servers.view_server"):
        return None
    states = summary(Server.objects.counts())
    shown = [
        {"state": state.value, "count": states["states"][state.value]}
        for state in ORDER
        if state.value in states["states"]
    ]
    return {"total": states["total"], "states": _with_shares(shown)}


def pipeline(now: datetime) -> dict[str, Any]:
    """Whether the machinery keeps up: what waits, for how long, and when beat was heard last."""
    waiting = TriageJob.objects.filter(ACTIVE)
    oldest = waiting.order_by("nudge_at").values_list("created_at", flat=True).first()
    beat = Heartbeat.objects.filter(name="beat").values_list("beat_at", flat=True).first()
    return {
        "waiting": _counted(waiting),
        "oldest": oldest,
        "oldest_late": oldest is not None and now - oldest > timedelta(minutes=1),
        "beat": beat,
        "beat_late": beat is None or now - beat > timedelta(minutes=1),
        "dead_letters": DeadLetter.objects.filter(settled_at__isnull=True).count(),
    }


def _live(user: Any) -> TicketQuerySet:
    return Ticket.objects.visible_to(user).filter(status__in=LIVE)


def _counted(rows: Any) -> dict[str, Any]:
    count = rows.order_by().values("pk")[: MOST_COUNTED + 1].count()
    if count > MOST_COUNTED:
        return {"count": MOST_COUNTED, "text": f"{MOST_COUNTED:,}+"}
    return {"count": count, "text": f"{count:,}"}


def _with_shares(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with its `share` of the sum, 0 to 1."""
    total = sum(row["count"] for row in rows)
    return [{**row, "share": row["count"] / total if total else 0} for row in rows]


def _row(name: str, counts: Mapping[Any, int], most: int) -> dict[str, Any]:
    cells = [
        {
            "priority": priority,
            "count": counts[priority],
            "weight": round(counts[priority] / most, 3) if most else 0,
            "address": listed(department=name, priority=priority),
        }
        for priority in Priority
    ]
    return {
        "department": name,
        "cells": cells,
        "total": sum(counts.values()),
        "address": listed(department=name),
    }
