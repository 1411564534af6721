"""What a game day came to: read from the scratch desk and from what the receiver got."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from statistics import median
from typing import Any, Final

from django.db import connection

from servers.lifecycle import State
from servers.models import Delivery, Incident, IncidentState, ServerEvent
from sla.durations import show_duration
from sla.models import Channel, Escalation, Notification, NotificationState, SlaClock
from sla.models.notification import Outcome
from sla.services.auditing import look
from smartops.gameday.plan import Plan, digest
from smartops.gameday.player import Pace
from smartops.gameday.receiver import Receiver
from smartops.gameday.scenario import Scenario
from smartops.gameday.stage import ACTOR
from tickets.models import Ticket, TriageStatus
from workers.models import DeadLetter

TRIAGED: Final = (TriageStatus.COMPLETED, TriageStatus.NEEDS_REVIEW)

#: What a real day has besides: docs/gameday.md.
NOT_PLAYED: Final = (
    *("mail to people", "digests and limits of channels", "callbacks", "the language model"),
    *("heartbeats and checks", "mailboxes", "maintenance", "keys and limits of intake"),
)

#: How each ticket that is over came to its end: with another one, by a person, or by itself.
_ENDS: Final = """
    SELECT CASE WHEN t.parent_id IS NOT NULL THEN 'with_another'
                WHEN e.actor LIKE 'agent %%' THEN 'by_people' ELSE 'by_itself' END, count(*)
      FROM tickets_ticket t
      JOIN LATERAL (SELECT actor FROM tickets_ticketevent
                     WHERE ticket_id = t.id AND changes ? 'status' ORDER BY id DESC LIMIT 1) e ON true
     WHERE t.status IN ('resolved', 'closed', 'cancelled') GROUP BY 1"""
#: One problem that was open twice at the same time.
_OVERLAPPING: Final = """
    SELECT count(*) FROM servers_incident a JOIN servers_incident b
        ON b.origin = a.origin AND b.key = a.key AND b.id > a.id
     WHERE a.ticket_id <> b.ticket_id AND b.first_at < coalesce(a.resolved_at, 'infinity')"""


def measure(
    scenario: Scenario, plan: Plan, receiver: Receiver, pace: Pace, *, asked: float
) -> dict[str, Any]:
    """Everything as data. Times are seconds of the game day; `wrong` tells what was lost or happened twice."""
    failures = list(
        ServerEvent.objects.filter(new=State.FAILED).values_list("server__name", "at", "reason")
    )
    reasons = {change.reason for change in plan.changes}
    incidents = Incident.objects.exclude(ticket=None)
    tickets = Ticket.objects.all()
    found: dict[str, Any] = {
        "scenario": scenario.name,
        "seed": scenario.seed,
        "played": scenario.lasts.total_seconds(),
        "pace": {"asked": asked, "reached": round(pace.speed, 1), "took": round(pace.seconds, 1)},
        "failures": {
            "injected": sum(reason in reasons for *_, reason in failures),
            "by_chance": sum(reason not in reasons for *_, reason in failures),
            "problems_reported": len(plan.problems),
            "alerts_sent": len(plan.messages),
            "digest": digest([f"{at.isoformat()} {server}" for server, at, _ in failures]),
        },
        "incidents": {
            "servers": incidents.exclude(server=None).count(),
            "alerts": incidents.exclude(integration=None).count(),
            "flapping": tickets.filter(events__changes__tags__icontains="flapping")
            .distinct()
            .count(),
            "open": Incident.objects.exclude(state=IncidentState.RESOLVED).count(),
        },
        "storms": _storms(),
        "tickets": {
            "opened": tickets.count(),
            "by_people": tickets.filter(events__kind="opened", events__actor=ACTOR).count(),
            "triaged": tickets.filter(triage_status__in=TRIAGED).count(),
            "to_review": tickets.filter(triage_status=TriageStatus.NEEDS_REVIEW).count(),
        },
        "detected_after": {
            "servers": _spread(_detected(incidents.exclude(server=None))),
            "alerts": _spread(_detected(incidents.exclude(integration=None))),
        },
        "escalations": _escalations(),
        "lateness": _spread(
            Escalation.objects.filter(skipped=False).values_list("lateness", flat=True)
        ),
        "messages": _messages(receiver),
        "deadlines": _deadlines(),
        "ended": {"by_itself": 0, "by_people": 0, "with_another": 0, **dict(_rows(_ENDS))},
    }
    found["wrong"] = _wrong(found)
    found["not_played"] = list(NOT_PLAYED)
    return found


def _storms() -> dict[str, int]:
    children = Ticket.objects.exclude(parent=None)
    return {
        "parents": children.values("parent").distinct().count(),
        "children": children.count(),
    }


def _detected(incidents: Any) -> Iterable[timedelta]:
    times = incidents.values_list("ticket__opened_at", "first_at")
    return [max(opened - first, timedelta(0)) for opened, first in times]


def _escalations() -> list[dict[str, Any]]:
    rows = _rows(
        """SELECT level, threshold, count(*) FILTER (WHERE NOT skipped), count(*) FILTER (WHERE skipped)
             FROM sla_escalation GROUP BY 1, 2 ORDER BY 1, 2"""
    )
    names = ("level", "threshold", "acted_on", "skipped")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _messages(receiver: Receiver) -> dict[str, Any]:
    wanted = {
        notification.message_id
        for notification in Notification.objects.exclude(outcome=Outcome.OBSOLETE)
    }
    sent = Notification.objects.filter(state=NotificationState.SENT).count()
    names = {str(pk): name for pk, name in Channel.objects.values_list("pk", "name")}
    return {
        "due": len(wanted),
        "sent": sent,
        "received": len(receiver.received),
        "twice": sum(times > 1 for times in receiver.received.values()),
        "lost": len(wanted - receiver.received.keys()),
        "unasked": len(receiver.received.keys() - wanted),
        "forged": receiver.forged,
        "by_channel": {
            names.get(channel, "Game day"): count
            for channel, count in sorted(receiver.by_channel.items())
        },
    }


def _deadlines() -> dict[str, dict[str, int]]:
    rows = _rows(
        f"""SELECT coalesce('P' || t.priority, 'none'),
                   count(*) FILTER (WHERE c.breached_at IS NULL AND c.state = 'met'),
                   count(*) FILTER (WHERE c.breached_at IS NOT NULL OR c.state = 'breached'),
                   count(*) FILTER (WHERE c.breached_at IS NULL AND c.state IN ('running', 'paused'))
              FROM {SlaClock._meta.db_table} c JOIN {Ticket._meta.db_table} t ON t.id = c.ticket_id
             WHERE c.state <> 'cancelled' GROUP BY 1 ORDER BY 1"""
    )
    return {
        name: {"met": met, "missed": missed, "running": running}
        for name, met, missed, running in rows
    }


def _wrong(found: dict[str, Any]) -> list[str]:
    """What may never happen, with how often it did."""
    tickets, messages, audit = found["tickets"], found["messages"], look()
    without = (
        ServerEvent.objects.filter(new=State.FAILED)
        .exclude(server__in=Incident.objects.exclude(server=None).values("server"))
        .values("server")
        .distinct()
        .count()
    )
    unread = Delivery.objects.exclude(state="done").count()
    [(overlapping,)] = _rows(_OVERLAPPING)
    checks = {
        "servers that failed and have no incident": without,
        "bodies of alerts that were not read": unread,
        "problems with two tickets at the same time": overlapping,
        "tickets that were not triaged": tickets["opened"] - tickets["triaged"],
        "deadlines that were due and not looked at": audit.missed + audit.broken,
        "messages that were lost": messages["lost"],
        "messages that came twice": messages["twice"],
        "messages that nobody had asked for": messages["unasked"],
        "messages with a wrong signature": messages["forged"],
        "pieces of work that ended as dead letters": DeadLetter.objects.count(),
    }
    return [f"{what}: {count}" for what, count in checks.items() if count]


def _spread(lengths: Iterable[timedelta]) -> dict[str, float] | None:
    seconds = sorted(length.total_seconds() for length in lengths)
    if not seconds:
        return None
    return {
        "median": round(median(seconds), 1),
        "p95": round(seconds[min(len(seconds) - 1, int(len(seconds) * 0.95))], 1),
        "most": round(seconds[-1], 1),
    }


def _rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, [])
        rows: list[Any] = cursor.fetchall()
        return rows


def show(found: dict[str, Any]) -> str:
    """The report for people."""
    failures, incidents, tickets = found["failures"], found["incidents"], found["tickets"]
    messages, ended, pace = found["messages"], found["ended"], found["pace"]
    lines: list[tuple[str, str]] = [
        (
            "Played",
            f"{_length(found['played'])} in {_length(pace['took'])}: {pace['reached']:.0f} times real time "
            f"({pace['asked']:.0f} asked for)",
        ),
        (
            "Failures",
            f"{failures['injected']} of the scenario, {failures['by_chance']} by chance "
            f"(seed {found['seed']}, digest {failures['digest']})",
        ),
        ("Alerts", f"{failures['alerts_sent']:,} about {failures['problems_reported']:,} problems"),
        (
            "Incidents",
            f"{incidents['servers']} of servers, {incidents['alerts']} of alerts; "
            f"{incidents['flapping']} flapping, {incidents['open']} still open",
        ),
        ("Storms", f"{found['storms']['parents']} with {found['storms']['children']} children"),
        (
            "Tickets",
            f"{tickets['opened']}, {tickets['by_people']} by people; {tickets['triaged']} triaged, "
            f"{tickets['to_review']} of them for review",
        ),
        ("Seen after", _spreads(found["detected_after"])),
        ("Ended", ", ".join(f"{count} {way.replace('_', ' ')}" for way, count in ended.items())),
        (
            "Messages",
            f"{messages['due']} due, {messages['received']} received, {messages['lost']} lost, "
            f"{messages['twice']} twice",
        ),
        *(("", f"{count} to {channel}") for channel, count in messages["by_channel"].items()),
        ("Late by", _one_spread(found["lateness"])),
        ("Not played", ", ".join(found["not_played"][:4]) + ","),
        ("", ", ".join(found["not_played"][4:])),
    ]
    blocks = [
        f"{found['scenario']}\n",
        *(f"{label:<12}{text}\n" for label, text in lines),
        "\n",
        _table(
            ("escalations", "acted on", "skipped"),
            [
                (f"level {row['level']}: {row['threshold']}", row["acted_on"], row["skipped"])
                for row in found["escalations"]
            ],
        ),
        _table(
            ("deadlines", "met", "missed", "running"),
            [(name, *counts.values()) for name, counts in found["deadlines"].items()],
        ),
        *(f"WRONG: {sentence}\n" for sentence in found["wrong"]),
    ]
    if not found["wrong"]:
        blocks.append("Nothing was lost, and nothing happened twice.\n")
    return "".join(blocks)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, *rows]
    return (
        "".join(
            f"{line[0]:<28}" + "".join(f"{value:>10}" for value in line[1:]) + "\n"
            for line in lines
        )
        + "\n"
    )


def _spreads(spreads: dict[str, dict[str, float] | None]) -> str:
    return "; ".join(f"{name}: {_one_spread(spread)}" for name, spread in spreads.items())


def _one_spread(spread: dict[str, float] | None) -> str:
    if spread is None:
        return "none"
    return ", ".join(f"{name} {_length(seconds)}" for name, seconds in spread.items())


def _length(seconds: float) -> str:
    return show_duration(timedelta(seconds=round(seconds))) if seconds >= 1 else f"{seconds:g}s"
