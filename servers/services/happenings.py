"""What happens to servers becomes alerts: a failure opens an incident, a recovery begins its end."""

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from servers.alerts import Action, Alert
from servers.lifecycle import BROKEN, WELL
from servers.models import Incident, IncidentState, ServerEvent, ServerLink
from servers.services.incidents import apply_alerts, lock_origins
from servers.services.senders import SERVERS
from servers.severity import impact, urgency
from workers.services import bury

log = structlog.get_logger("servers.events")

CHUNK: Final = 500
#: One run goes on while something waits, but leaves its worker to others after so long.
RUN_SECONDS: Final = 20.0
#: An event that waits for so long is worth a look.
LATE: Final = timedelta(minutes=2)
KEY: Final = "state"


def follow_events(*, now: datetime) -> int:
    """Let incidents follow what happened to servers, in its order. Returns how many events were taken.

    One at a time does it; others leave at once.
    """
    end, count = time.monotonic() + RUN_SECONDS, 0
    while time.monotonic() < end and (taken := _follow_safely(now)):
        count += taken
    return count


def event_findings(now: datetime) -> list[str]:
    """A sentence if what happened to servers is not followed in time."""
    oldest = ServerEvent.objects.waiting().first()
    if oldest is None or now - oldest.at < LATE:
        return []
    return [
        f"What happened to servers waits to be followed since {oldest.at:%Y-%m-%d %H:%M:%S} UTC."
    ]


def forget_old_events(now: datetime) -> int:
    """Remove changes of state from more than SERVER_EVENT_DAYS ago. Those of problems that go on stay, and those
    that were not followed yet. Returns how many."""
    goes_on = Incident.objects.active().filter(
        server=OuterRef("server"), first_at__lte=OuterRef("at")
    )
    old = ServerEvent.objects.filter(
        at__lt=now - timedelta(days=settings.SERVER_EVENT_DAYS), handled_at__isnull=False
    )
    return old.exclude(Exists(goes_on)).delete()[0]


def _follow_safely(now: datetime) -> int | None:
    try:
        return follow_chunk(now=now)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        if connection.connection is None or connection.connection.closed:
            raise  # no event is to blame
        log.warning("a chunk of events failed; one by one", error=type(error).__name__)
    return _follow_alone(now)


def _follow_alone(now: datetime) -> int | None:
    """One event a transaction: the one that cannot be followed is set aside, with a dead letter."""
    ids = list(ServerEvent.objects.waiting().values_list("pk", flat=True)[:CHUNK])
    for pk in ids:
        try:
            if follow_chunk(now=now, only=pk) is None:
                return None
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            if connection.connection is None or connection.connection.closed:
                raise
            _set_aside(pk, f"{type(error).__name__}: {error}", now)
    return len(ids)


@transaction.atomic(durable=True)
def follow_chunk(*, now: datetime, only: int | None = None) -> int | None:
    """Take the oldest events that wait (of `only`, when given). None: somebody else is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('server events', 0))")
        [alone] = cursor.fetchone()
    if not alone:
        return None
    # Whoever removes a server has removed its events, too, when we read them.
    lock_origins([SERVERS])
    waiting = ServerEvent.objects.waiting().select_related("server")
    events = list(waiting.filter(pk=only) if only else waiting[:CHUNK])
    apply_alerts(alerts=alerts_of(events), now=now)
    ServerEvent.objects.filter(pk__in=[event.pk for event in events]).update(handled_at=now)
    return len(events)


@transaction.atomic(durable=True)
def _set_aside(pk: int, error: str, now: datetime) -> None:
    event = ServerEvent.objects.waiting().select_related("server").filter(pk=pk).first()
    if event is None:
        return  # somebody else followed it meanwhile
    log.error("an event of a server cannot be followed", id=pk, error=error[:300])
    ServerEvent.objects.filter(pk=pk).update(handled_at=now)
    bury(ServerEvent, [(pk, f"{event.server}: {event.old} → {event.new}", error[:2000], "")])


def alerts_of(events: Sequence[ServerEvent]) -> list[Alert]:
    """What the events mean to incidents. Most mean nothing: what was well is well."""
    ill = _with_incident({event.server_id for event in events})
    dependents = count_dependents({e.server_id for e in events if e.new in BROKEN})
    alerts = []
    for event in events:
        if event.new in BROKEN:
            ill.add(event.server_id)
            alerts.append(_failure(event, dependents.get(event.server_id, 0)))
        elif event.new in WELL and event.server_id in ill:
            ill.remove(event.server_id)
            alerts.append(_recovery(event))
    return alerts


def _with_incident(servers: Collection[int]) -> set[int]:
    """Those that have one which is not over, or which only a person ended."""
    known = Incident.objects.filter(origin__in=map(origin_of, servers), key=KEY)
    waiting = known.filter(~Q(state=IncidentState.RESOLVED) | Q(dismissed_at__isnull=False))
    return set(waiting.values_list("server", flat=True))


def count_dependents(servers: Collection[int]) -> dict[int, int]:
    """How many servers need each of these, directly or through others; those that nobody needs are missing."""
    if not servers:
        return {}
    links = ServerLink._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH RECURSIVE standing (root, server) AS (
                    SELECT needs_id, server_id FROM {links} WHERE needs_id = ANY(%s)
                     UNION
                    SELECT root, server_id FROM standing JOIN {links} ON needs_id = server)
                SELECT root, count(*) FROM standing WHERE server <> root GROUP BY root""",
            [list(servers)],
        )
        return dict(cursor.fetchall())


def origin_of(server: int) -> str:
    return f"server:{server}"


def _failure(event: ServerEvent, dependents: int) -> Alert:
    server = event.server
    return Alert(
        origin=origin_of(server.pk),
        key=KEY,
        action=Action.TRIGGER,
        title=f"Server {server.name} failed" + (f": {event.reason}" if event.reason else ""),
        at=event.at,
        body="\n".join(_facts(event, dependents)),
        impact=impact(server.role, dependents),
        urgency=urgency(server.environment),
        labels=server.labels,
        server=server.name,
    )


def _facts(event: ServerEvent, dependents: int) -> Iterable[str]:
    server = event.server
    yield f"Server {server.name} failed at {event.at:%Y-%m-%d %H:%M:%S} UTC; it was {event.old} before."
    if event.reason:
        yield f"Reason: {event.reason}"
    yield f"Role: {server.role}"
    if server.region:
        yield f"Region: {server.region}"
    if server.host_group:
        yield f"Host group: {server.host_group}"
    yield f"Environment: {server.environment}"
    yield f"Servers that need it, directly or through others: {dependents}"
    yield f"Seen by: {event.actor} ({event.cause})"


def _recovery(event: ServerEvent) -> Alert:
    title = f"Server {event.server.name} is {event.new}"
    return Alert(origin_of(event.server_id), KEY, Action.RESOLVE, title, event.at)
