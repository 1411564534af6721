"""Storms: many incidents with one cause get one ticket, to which theirs are attached (docs/storms.md)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from servers.models import Incident, IncidentState, Storm, StormState
from servers.signals import storm_started
from servers.storms.detecting import (
    ALL,
    Found,
    Past,
    Pattern,
    Seen,
    candidates,
    find_storms,
    usual_rate,
)
from servers.storms.titles import as_like
from tickets.intake import TITLE_MAX, TicketIn
from tickets.lifecycle import LIVE, Status
from tickets.services import adopt_tickets, open_tickets, record_changes
from tickets.services.changing import moved
from tickets.services.recording import lock_families
from workers.errors import PermanentError
from workers.sql import as_json

ACTOR: Final = "storms"
#: Held by the one process that looks for storms.
_LOCK: Final = 0x5E_7E_57_02
_WEEK: Final = timedelta(days=7)
#: Of a busy week the newest incidents tell enough.
_MOST_PAST: Final = 5000
_MOST_FREE: Final = 2000
_NAMED: Final = 20


class StormOver(PermanentError):
    """This storm has ended."""


def adopt(*, incidents: Sequence[Incident], now: datetime) -> None:
    """Let new incidents that share what an active storm shares join it. The caller's transaction.

    One query when there is no storm. Waits for nobody: what cannot join now does when storms are watched next.
    """
    storms = list(Storm.objects.filter(state=StormState.ACTIVE).order_by("pk"))
    if storms:
        _join(storms, incidents, now)


@transaction.atomic(durable=True)
def watch_storms(*, now: datetime) -> int:
    """Find new storms, let incidents join those that are active, end those that are over. Returns how many began.

    One process at a time; others leave at once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
    storms = list(Storm.objects.select_for_update().filter(ended_at=None).order_by("pk"))
    active = [storm for storm in storms if storm.state == StormState.ACTIVE]
    free = _free(now)
    _join(active, free, now)
    _review(storms, now)
    lately = now - timedelta(minutes=settings.STORM_CALM_MINUTES)
    known = [*active, *Storm.objects.filter(state=StormState.DISSOLVED, ended_at__gt=lately)]
    return _find([i for i in free if not any(s.pattern.matches(_seen(i)) for s in known)], now)


@transaction.atomic(durable=True)
def dissolve_storm(*, storm: Storm, actor: str, now: datetime) -> None:
    """Say that it was none: its ticket is cancelled, by which those attached to it go on alone.

    For `STORM_CALM_MINUTES` no storm of the same kind begins; its incidents count as usual from now on.

    :raises StormOver: it has ended.
    """
    storm = Storm.objects.select_for_update().get(pk=storm.pk)
    if storm.ended_at is not None:
        raise StormOver(f"Storm {storm.pk} is {storm.state}: there is nothing to dissolve.")
    _move(storm, Status.CANCELLED, actor, now, "It was no storm.")
    _end(storm, StormState.DISSOLVED, now)


def _free(now: datetime) -> list[Incident]:
    """Incidents whose tickets are new, open and belong to nobody yet, the newest first."""
    incidents = Incident.objects.exclude(state=IncidentState.RESOLVED).filter(
        storm=None,
        ticket__created_at__gt=now - timedelta(minutes=settings.STORM_MINUTES),
        ticket__created_at__lte=now,
        ticket__parent=None,
        ticket__merged_into=None,
        ticket__status__in=LIVE,
    )
    return list(incidents.select_related("ticket__department").order_by("-pk")[:_MOST_FREE])


def _seen(incident: Incident) -> Seen:
    return Seen(incident.pk, incident.labels, incident.title)


def _join(storms: Sequence[Storm], incidents: Sequence[Incident], now: datetime) -> int:
    """Attach the tickets of `incidents` to the first of `storms` that they match. Returns how many joined."""
    waiting = {i.pk: i for i in incidents if i.ticket_id is not None and i.storm_id is None}
    joined = 0
    for storm in storms:
        pattern = storm.pattern
        matching = [i for i in waiting.values() if pattern.matches(_seen(i))]
        if not matching:
            continue
        tickets = adopt_tickets(
            ids=[i.ticket_id for i in matching if i.ticket_id is not None],
            by=storm.ticket_id,
            actor=ACTOR,
            now=now,
            reason=f"Storm: {pattern}."[:300],
        )
        adopted = {ticket.pk for ticket in tickets}
        ids = [i.pk for i in matching if i.ticket_id in adopted]
        Incident.objects.lock(ids)
        Incident.objects.filter(pk__in=ids).update(storm=storm)
        for pk in ids:
            waiting.pop(pk).storm = storm
        joined += len(ids)
    return joined


def _find(incidents: Sequence[Incident], now: datetime) -> int:
    """Open a ticket for each storm among `incidents`. Returns how many."""
    least = settings.STORM_MIN
    if len(incidents) < least:
        return 0
    seen = [_seen(incident) for incident in incidents]
    patterns = [ALL, *candidates(seen, least=least)]
    found = find_storms(seen, _expected(patterns, now), least=least)
    by_id = {incident.pk: incident for incident in incidents}
    return sum(_start(one, [by_id[pk] for pk in sorted(one.keys)], now) for one in found)


def _expected(patterns: Sequence[Pattern], now: datetime) -> dict[Pattern, float]:
    """How many incidents of each pattern are usual in `STORM_MINUTES`, by the last week without its storms."""
    window = timedelta(minutes=settings.STORM_MINUTES)
    rows = [
        {"n": n, "labels": dict(p.labels), "title": as_like(p.title) if p.title else "%"}
        for n, p in enumerate(patterns)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH past AS MATERIALIZED (
                    SELECT i.labels, lower(i.title) AS title, i.first_at
                      FROM {Incident._meta.db_table} i LEFT JOIN {Storm._meta.db_table} s ON s.id = i.storm_id
                     WHERE i.first_at >= %(since)s AND i.first_at < %(until)s
                       AND (s.id IS NULL OR s.state = '{StormState.DISSOLVED}')
                     ORDER BY i.first_at DESC LIMIT {_MOST_PAST}
                )
                SELECT p.n, count(past.first_at),
                       count(*) FILTER (WHERE past.first_at < %(until)s - interval '12 hours'
                            AND abs(mod(extract(epoch FROM %(until)s - past.first_at), 86400) - 43200) > 41400),
                       count(*) FILTER (WHERE past.first_at >= %(until)s - interval '1 hour'),
                       (SELECT extract(epoch FROM %(until)s - min(first_at)) FROM past)
                  FROM jsonb_to_recordset(%(patterns)s) AS p(n int, labels jsonb, title text)
                  LEFT JOIN past ON past.labels @> p.labels AND past.title LIKE p.title
                 GROUP BY p.n""",
            {
                "since": now - _WEEK,
                "until": now - window,
                "patterns": as_json(rows),
            },
        )
        expected = {}
        for n, whole, same_time, last_hour, known in cursor.fetchall():
            seconds = max(float(known or 0), 3600.0)
            days = seconds // 86_400
            pasts = [Past(whole, seconds), Past(same_time, days * 3600), Past(last_hour, 3600)]
            expected[patterns[n]] = usual_rate(pasts, seconds=window.total_seconds())
        return expected


def _start(found: Found, incidents: Sequence[Incident], now: datetime) -> bool:
    """Open the ticket of a storm and attach those of its incidents; tell whom it concerns, once for all.

    Restricted departments stay among themselves: their tickets join only where all are theirs.
    """
    tickets = [incident.ticket for incident in incidents if incident.ticket is not None]
    departments = {ticket.department for ticket in tickets}
    common = departments.pop() if len(departments) == 1 else None
    shown = [i for i in incidents if common or not _is_restricted(i)]
    if len(shown) < settings.STORM_MIN:
        return False
    why = _why(found, len(shown))
    ranks = [ticket.priority for ticket in tickets if ticket.priority is not None]
    fields = {
        "title": f"Storm: {found.pattern}"[:TITLE_MAX],
        "description": _facts(found.pattern, why, shown),
        "source": ACTOR,
        "tags": ["storm"],
        "impact": 1,
        "priority": min(ranks, default=2),
        **({"department": common.name} if common else {}),
    }
    item = TicketIn.model_validate(fields, context={"now": now})
    [outcome] = open_tickets(items=[item], actor=ACTOR, now=now)
    assert outcome.ticket is not None, outcome.errors
    storm = Storm.objects.create(
        ticket=outcome.ticket,
        labels=dict(found.pattern.labels),
        title=found.pattern.title,
        why=why[:500],
        expected=found.expected,
        observed=len(shown),
        incidents_count=0,
        started_at=now,
        last_at=now,
    )
    storm.incidents_count = _join([storm], shown, now)
    storm.save(update_fields=["incidents_count"])
    storm_started.send(Storm, storm=storm, ticket=outcome.ticket, at=now)
    return True


def _is_restricted(incident: Incident) -> bool:
    department = incident.ticket.department if incident.ticket else None
    return department is not None and department.restricted


def _why(found: Found, count: int) -> str:
    usual = f"{found.expected:.1f}" if found.expected >= 0.1 else "next to none"
    are = "is" if usual == "1.0" else "are"
    return (
        f"{count} incidents with {found.pattern} in {settings.STORM_MINUTES} minutes,"
        f" where {usual} {are} usual."
    )


def _facts(pattern: Pattern, why: str, incidents: Sequence[Incident]) -> str:
    since = min(incident.first_at for incident in incidents)
    names = sorted({i.ticket.server for i in incidents if i.ticket and i.ticket.server})
    listed = ", ".join(names[:_NAMED]) + (
        f" and {len(names) - _NAMED} more" if names[_NAMED:] else ""
    )
    titles = list(dict.fromkeys(incident.title for incident in incidents))[:5]
    return "\n".join(
        [
            why,
            "",
            f"What they share: {pattern}",
            f"Since: {since:%Y-%m-%d %H:%M:%S} UTC",
            *([f"Servers ({len(names)}): {listed}"] if names else []),
            *(f"For example: {title}" for title in titles),
            "",
            "New incidents that share it join. Resolving this ticket resolves theirs; cancelling it lets them go.",
        ]
    )


def _review(storms: Sequence[Storm], now: datetime) -> None:
    """Count what joined, and end what is over."""
    window = timedelta(minutes=settings.STORM_MINUTES)
    calm = timedelta(minutes=settings.STORM_CALM_MINUTES)
    for storm in storms:
        count = storm.incidents.count()
        grew = count > storm.incidents_count
        if grew:
            storm.incidents_count, storm.last_at = count, now
        ticket = storm.ticket
        if ticket.has_ended:
            dissolved = ticket.status == Status.CANCELLED and ticket.merged_into_id is None
            _end(storm, StormState.DISSOLVED if dissolved else StormState.ENDED, now)
            continue
        children = set(ticket.children.values_list("status", flat=True))
        if children and not children & set(LIVE) and now - storm.last_at >= window:
            reason = f"All tickets of its {count} incidents are resolved."
            _move(storm, Status.RESOLVED, ACTOR, now, reason)
            _end(storm, StormState.ENDED, now)
            continue
        quiet = storm.state == StormState.ACTIVE and now - storm.last_at >= calm
        if quiet:
            storm.state = StormState.CALM
        if quiet or grew:
            storm.save()


def _move(storm: Storm, status: Status, actor: str, now: datetime, reason: str) -> None:
    """Move the storm's ticket, unless it has ended, and with it those that are attached to it."""
    record_changes(
        [
            moved(ticket, Status(ticket.status), status, now, reason)
            for ticket in lock_families([storm.ticket_id])
            if not ticket.has_ended
        ],
        actor=actor,
        now=now,
    )


def _end(storm: Storm, state: StormState, now: datetime) -> None:
    storm.state, storm.ended_at = state, now
    storm.save()
