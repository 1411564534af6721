"""Is the process up, can it do its work, and what is wrong in words."""

from datetime import timedelta
from typing import Final

from celery import current_app
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Min
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from analytics import services as analytics
from servers import services as servers
from servers.services import deliveries
from servers.services.checking import check_findings
from servers.services.mailboxes import mailbox_findings
from sla import services as sla
from sla.services.config import config_findings
from smartops.leftover import ASIDE, is_broken_off
from triage import services as triage
from triage.models import TriageJob
from triage.services.gate import llm_findings
from workers.counting import counters
from workers.leases import ACTIVE
from workers.models import DeadLetter, Heartbeat
from workers.replica import replica_findings
from workers.words import number_of

BEAT_LATE: Final = timedelta(minutes=1)
TRIAGE_LATE: Final = timedelta(minutes=5)


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Restart it when it does not."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """The database answers: requests can be served. The broker is not asked; intake works without it."""
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        return JsonResponse({"status": "unavailable", "database": "unreachable"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Everything that a person should look at, as sentences. 503 when deadlines are missed, else 200: no probe."""
    findings: list[str] = []
    failing = False
    try:
        for check in CHECKS:
            findings += check()
        missed = sla.findings()
        failing = bool(missed)
        findings = missed + findings
    except (DatabaseError, InterfaceError):
        findings.append("The database does not answer.")
    status = "failing" if failing else "degraded" if findings else "ok"
    return JsonResponse({"status": status, "findings": findings}, status=503 if failing else 200)


def _notifications() -> list[str]:
    return sla.notification_findings(timezone.now())


def _intake() -> list[str]:
    return deliveries.intake_findings(timezone.now())


def _mail() -> list[str]:
    return mailbox_findings(timezone.now())


def _checks() -> list[str]:
    return check_findings(timezone.now())


def _drift() -> list[str]:
    return triage.drift_findings(timezone.now())


def _server_events() -> list[str]:
    return servers.event_findings(timezone.now())


def _database() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return []


def _restore() -> list[str]:
    if is_broken_off():
        return [
            f"A restore was broken off: what was there before is in the schema {ASIDE}. Run it again."
        ]
    return []


def _cache() -> list[str]:
    try:
        counters().ping()
    except RedisError:
        return ["The server that counts requests does not answer: rate limits are off."]
    return []


def _broker() -> list[str]:
    try:
        with current_app.connection_for_write(connect_timeout=1) as broker:
            broker.ensure_connection(max_retries=0, timeout=2)
    except (BrokerError, OSError):
        return [
            "The broker does not answer: tickets are accepted and will be triaged when it is back."
        ]
    return []


def _work() -> list[str]:
    now, findings = timezone.now(), []
    tick = Heartbeat.objects.filter(name="beat").first()
    if tick is None or now - tick.beat_at > BEAT_LATE:
        since = f"since {tick.beat_at:%Y-%m-%d %H:%M:%S} UTC" if tick else "yet"
        findings.append(f"No tick from beat through a worker {since}: is either of them down?")
    oldest = TriageJob.objects.filter(ACTIVE).aggregate(at=Min("created_at"))["at"]
    if oldest and now - oldest > TRIAGE_LATE:
        findings.append(f"A ticket waits for triage since {oldest:%Y-%m-%d %H:%M:%S} UTC.")
    letters = DeadLetter.objects.filter(settled_at__isnull=True).count()
    if letters:
        waiting = number_of(letters, "dead letter waits", "dead letters wait")
        findings.append(f"{waiting} for a decision (admin, Dead letters).")
    return findings


#: What a person should look at besides deadlines that are missed.
CHECKS: Final = (
    *(_cache, _broker, _database, _restore, _work, _notifications, config_findings),
    analytics.figures_findings,
    replica_findings,
    *(_drift, llm_findings, _server_events, _intake, _mail, _checks),
)
