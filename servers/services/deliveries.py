"""Deliveries: recorded as they come, taken by workers, which make alerts of them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from servers.alerts import Alert
from servers.models import Delivery, Integration
from servers.services import incidents
from servers.services.integrations import sender_of
from servers.sources.raw import Ignored
from servers.sources.reading import MOST_ALERTS, Read, Unreadable, read
from workers import leases, tracing
from workers.dispatch import chunks, enqueue
from workers.leases import Claim, State
from workers.services import bury, requeue, retry_rows
from workers.sql import update_rows
from workers.words import number_of

log = structlog.get_logger("servers.deliveries")
CHUNK: Final = 100  # deliveries that are claimed together
#: `Integration.last_alert_at` is for people: it need not be written with each chunk.
_ALERT_TIME: Final = timedelta(seconds=10)


class Body(NamedTuple):
    """One body as it came."""

    integration: int
    body: bytes
    content_type: str
    request_id: str


def record(*, bodies: Sequence[Body], now: datetime) -> list[int]:
    """Keep `bodies` and nudge the workers: one statement in one transaction. Returns the ids in order."""
    columns = list(zip(*bodies, strict=True))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO {Delivery._meta.db_table} (integration_id, body, content_type, request_id,
                       received_at, state, attempts, nudges, error, nudge_at)
                SELECT integration, body, type, request, %s, 'pending', 0, 0, '',
                       now() + make_interval(secs => %s)
                  FROM unnest(%s::bigint[], %s::bytea[], %s::text[], %s::text[])
                       WITH ORDINALITY AS given (integration, body, type, request, place)
                 ORDER BY place
                RETURNING id""",
            [now, settings.NUDGE_SECONDS, *map(list, columns)],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
        enqueue(Delivery.TASK_NAME, ids)
    return ids


class Work(NamedTuple):
    """A claimed delivery."""

    id: int
    integration: int
    body: bytes
    received_at: datetime
    request_id: str


@dataclass(frozen=True)
class Parsed:
    work: Work
    found: list[Read | Ignored]

    @property
    def alerts(self) -> list[Alert]:
        return [one.alert for one in self.found if isinstance(one, Read)]


def take_deliveries(*, ids: Sequence[int], now: datetime) -> int:
    """Make alerts of those deliveries that are free. Returns how many were done.

    Those of one integration are applied in the order in which they came, where one worker takes them together.
    Safe to call with the same ids any number of times, from any number of workers.
    """
    return sum(_take(chunk, now) for chunk in chunks(sorted(ids), CHUNK))


def _take(ids: Sequence[int], now: datetime) -> int:
    held = leases.claim(Delivery, ids, lease=timedelta(seconds=settings.INTAKE_LEASE_SECONDS))
    if not held.ids:
        return 0
    columns = ("id", "integration_id", "body", "received_at", "request_id")
    rows = Delivery.objects.filter(pk__in=held.ids).order_by("pk").values_list(*columns)
    works = [Work(*row) for row in rows]
    integrations = Integration.objects.in_bulk({work.integration for work in works})
    parsed, broken, began = [], [], time.time_ns()
    for work in works:
        try:
            sender = sender_of(integrations[work.integration])
            found = read(sender, bytes(work.body), delivery=work.id, received_at=work.received_at)
            parsed.append(Parsed(work, found))
        except Unreadable as error:
            broken.append((work.id, str(error)))
        except Exception as error:  # a defect of ours: the other bodies are taken all the same
            _fail(work, held, error)
    _refuse(broken, held)
    done = sum(_apply_or_split(group, held, now) for group in _groups(parsed))
    tracing.mark((one.work.request_id for one in parsed), "apply alerts", began)
    _note_alerts({one.work.integration for one in parsed}, now)
    return done


def _groups(parsed: Sequence[Parsed]) -> Iterator[list[Parsed]]:
    """As many deliveries together as their alerts may be applied in one transaction."""
    group: list[Parsed] = []
    size = 0
    for one in parsed:
        if group and size + len(one.alerts) > MOST_ALERTS:
            yield group
            group, size = [], 0
        group.append(one)
        size += len(one.alerts)
    if group:
        yield group


def _apply_or_split(group: Sequence[Parsed], held: Claim, now: datetime) -> int:
    try:
        return _apply(group, held, now)
    except Exception as error:
        if len(group) == 1:
            _fail(group[0].work, held, error)
            return 0
        # One body spoils the transaction for all: one by one, only that one fails.
        return sum(_apply_or_split([one], held, now) for one in group)


@transaction.atomic(durable=True)
def _apply(group: Sequence[Parsed], held: Claim, now: datetime) -> int:
    """Incidents, tickets, results and the deliveries' ends, for those deliveries that are still ours."""
    ours = leases.finish(Delivery, held, [one.work.id for one in group])
    mine = [one for one in group if one.work.id in ours]
    alerts = [alert for one in mine for alert in one.alerts]
    outcomes = iter(incidents.apply_alerts(alerts=alerts, now=now) if alerts else [])
    rows = [
        {
            "id": one.work.id,
            "results": [
                _ignored(found) if isinstance(found, Ignored) else _result(found, next(outcomes))
                for found in one.found
            ],
        }
        for one in mine
    ]
    update_rows(Delivery, rows, ["results"])
    return len(mine)


def _result(found: Read, outcome: incidents.Outcome) -> dict[str, Any]:
    return {
        "result": outcome.result.value,
        "ticket": outcome.ticket,
        "key": found.alert.key,
        "detail": outcome.detail,
    }


def _ignored(found: Ignored) -> dict[str, Any]:
    return {"result": "ignored", "ticket": None, "key": "", "detail": found.detail}


@transaction.atomic(durable=True)
def _refuse(broken: Sequence[tuple[int, str]], held: Claim) -> None:
    """Keep bodies that cannot be read, with the reason: trying them again would change nothing."""
    for pk, reason in broken:
        leases.give_back(Delivery, held, pk, error=reason, max_attempts=1)
    if broken:
        log.warning("deliveries not understood", count=len(broken), example=broken[0][0])


@transaction.atomic(durable=True)
def _fail(failed: Work, held: Claim, error: Exception) -> None:
    """Record a failed attempt; after the last one the delivery is a dead letter."""
    reason = f"{type(error).__name__}: {error}"[:2000]
    log.warning("delivery failed", delivery=failed.id, error=reason)
    if leases.give_back(Delivery, held, failed.id, error=reason):
        _bury([failed.id])


def _bury(ids: Sequence[int]) -> None:
    rows = Delivery.objects.filter(pk__in=ids).select_related("integration")
    bury(
        Delivery,
        [(row.pk, f"Alerts of {row.integration}", row.error, row.request_id) for row in rows],
    )


def _note_alerts(ids: set[int], now: datetime) -> None:
    old = Q(last_alert_at=None) | Q(last_alert_at__lt=now - _ALERT_TIME)
    Integration.objects.filter(old, pk__in=ids).update(last_alert_at=now)


@transaction.atomic(durable=True)
def requeue_stale_deliveries() -> int:
    """Send a message again for deliveries whose last one was lost. Returns how many there were."""
    nudge = timedelta(seconds=settings.NUDGE_SECONDS)
    stale = requeue(Delivery, nudge=nudge)
    _bury(stale.failed)
    return len(stale.together) + len(stale.alone) + len(stale.failed)


@transaction.atomic(durable=True)
def retry_deliveries(*, ids: Sequence[int], actor: str, now: datetime) -> list[int]:
    """Read failed deliveries again, as after a template was mended. Returns those that were failed."""
    return retry_rows(model=Delivery, ids=ids, actor=actor, now=now)


def what_became(ids: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """State, results and error of those of `ids` that have ended."""
    rows = Delivery.objects.filter(pk__in=ids, finished_at__isnull=False)
    return {
        pk: (state, results, error)
        for pk, state, results, error in rows.values_list("pk", "state", "results", "error")
    }


def forget_old_deliveries(now: datetime) -> int:
    """Remove bodies: read ones after INTAKE_DAYS, others after INTAKE_FAILED_DAYS. Returns how many went."""
    ended = Delivery.objects.filter(finished_at__isnull=False)
    old = ended.filter(
        Q(state=State.DONE, received_at__lt=now - timedelta(days=settings.INTAKE_DAYS))
        | Q(state=State.FAILED, received_at__lt=now - timedelta(days=settings.INTAKE_FAILED_DAYS))
    )
    return old.delete()[0]


def intake_findings(now: datetime) -> list[str]:
    """What a person should look at, as sentences."""
    bad = Delivery.objects.filter(state=State.FAILED, received_at__gt=now - timedelta(hours=24))
    names = bad.order_by("integration__name").values_list("integration__name", flat=True)
    found = []
    for name in names.distinct():
        count = bad.filter(integration__name=name)[:1000].count()
        found.append(
            f"{number_of(count, 'body', 'bodies')} of {name} could not be read in the last 24 hours "
            "(admin, Deliveries)."
        )
    return found
