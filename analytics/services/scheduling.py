"""Schedules of reports: made and changed, and what falls due is planned."""

from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from analytics.models import ReportDelivery, ReportSchedule
from analytics.rhythms import Days
from tickets.querysets import hidden_department_ids
from workers import services as work
from workers.context import current_request_id
from workers.dispatch import CHUNK, enqueue_each
from workers.leases import State
from workers.names import TaskName

log = structlog.get_logger("analytics.reports")

#: Who changes one of these wants it from then on, and nothing that was due before.
TIMING: Final = ("enabled", "frequency", "weekday", "hour", "time_zone")
#: What those get who are named by an address: more than whoever changes it may see.
CONTENT: Final = ("department", "attach_tickets")
OVERTAKEN: Final = "A newer report took its place before it could be sent."


def problems(
    values: dict[str, Any], *, by: Any, schedule: ReportSchedule | None = None
) -> dict[str, list[str]]:
    """What is wrong with a new schedule, or with these changes of one, when `by` sets them: field -> messages."""
    department = values.get("department")
    if department is not None and department.pk in hidden_department_ids(by):
        return {"department": ["You may not see this department."]}
    if len(values.get("name", "").splitlines()) > 1:
        return {"name": ["Use one line: it is the subject of the mail."]}
    known = schedule.addresses if schedule else []
    wanted = values.get("addresses", known)
    if not wanted or not hidden_department_ids(by):
        return {}
    if wanted != known:
        why = "Only who may see every department can enter addresses. Choose people instead."
        return {"addresses": [why]}
    why = "Only who may see every department can change what addresses get. Remove them first."
    changed = [name for name in CONTENT if values.get(name, was := getattr(schedule, name)) != was]
    return {name: [why] for name in changed}


@transaction.atomic
def save_schedule(
    *, schedule: ReportSchedule | None, values: dict[str, Any], by: Any
) -> ReportSchedule:
    """Make or change a schedule by values without `problems`."""
    columns = dict(values)
    people = columns.pop("people", None)
    if schedule is None:
        row = ReportSchedule.objects.create(**columns, addresses_by=by)
    else:
        row = ReportSchedule.objects.select_for_update().get(pk=schedule.pk)
        if any(getattr(row, name) != columns.get(name, getattr(row, name)) for name in TIMING):
            columns["active_since"] = Now()
        if columns.get("addresses", row.addresses) != row.addresses:
            columns["addresses_by"] = by
        ReportSchedule.objects.filter(pk=row.pk).update(**columns)
    if people is not None:
        row.people.set(people)
    row.refresh_from_db()
    return row


@transaction.atomic(durable=True)
def remove_schedule(*, schedule: ReportSchedule) -> None:
    """Remove a schedule with the record of what it sent."""
    schedule.delete()


def plan_reports(*, now: datetime) -> int:
    """Plan what is due and not planned yet, of each schedule only the newest period, and send messages again
    that were lost. Returns how many were planned."""
    requeue_stale_reports()
    return sum(_plan_safely(each, now) for each in ReportSchedule.objects.filter(enabled=True))


def _plan_safely(schedule: ReportSchedule, now: datetime) -> int:
    try:
        return _plan(schedule, now)
    except (ValueError, KeyError, OSError):  # such as a time zone that this machine does not know
        log.exception("report cannot be planned", schedule=schedule.pk)
        return 0


def _plan(schedule: ReportSchedule, now: datetime) -> int:
    due, period = schedule.rhythm.newest_due(now)
    if due < schedule.active_since:
        return 0
    planned = ReportDelivery.objects.filter(
        schedule=schedule, first_day=period.first, last_day=period.last, requested_by=""
    )
    return 0 if planned.exists() else _plan_once(schedule, period)


@transaction.atomic(durable=True)
def _plan_once(schedule: ReportSchedule, period: Days) -> int:
    """The period's one delivery, whoever plans it in the same moment. Those that still wait give way."""
    delivery, made = ReportDelivery.objects.get_or_create(
        schedule=schedule,
        first_day=period.first,
        last_day=period.last,
        requested_by="",
        defaults={"time_zone": period.time_zone, "request_id": current_request_id()},
    )
    if made:
        waiting = ReportDelivery.objects.filter(
            schedule=schedule, requested_by="", state=State.PENDING, last_day__lt=period.last
        )
        waiting.update(state=State.FAILED, finished_at=Now(), error=OVERTAKEN)
        enqueue_each(TaskName.ANALYTICS_SEND_REPORTS, [delivery.pk])
    return int(made)


@transaction.atomic(durable=True)
def send_now(*, schedule: ReportSchedule, by: str, now: datetime) -> ReportDelivery:
    """Send the report of the last whole period, beside what the schedule sends."""
    period = schedule.rhythm.newest_whole(now)
    delivery = ReportDelivery.objects.create(
        schedule=schedule,
        first_day=period.first,
        last_day=period.last,
        time_zone=period.time_zone,
        requested_by=by,
        request_id=current_request_id(),
    )
    enqueue_each(TaskName.ANALYTICS_SEND_REPORTS, [delivery.pk])
    return delivery


@transaction.atomic(durable=True)
def requeue_stale_reports() -> int:
    """Send a message for deliveries that nobody works on, and for those that wait for the mail server."""
    stale = work.requeue(ReportDelivery, nudge=timedelta(seconds=settings.NUDGE_SECONDS))
    bury_reports(stale.failed)
    return len(stale.together) + len(stale.alone) + len(stale.failed)


def forget_old_reports(now: datetime) -> int:
    """Remove the record of reports after NOTIFICATION_DAYS, a few at a time. Returns how many.

    The newest that a schedule planned stays: by it, it knows which period is sent.
    """
    gone = 0
    while count := _forget_reports(now - timedelta(days=settings.NOTIFICATION_DAYS)):
        gone += count
    return gone


@transaction.atomic(durable=True)
def _forget_reports(before: datetime) -> int:
    newer = ReportDelivery.objects.filter(
        schedule=OuterRef("schedule"), requested_by="", pk__gt=OuterRef("pk")
    )
    old = ReportDelivery.objects.filter(~Q(requested_by="") | Exists(newer), finished_at__lt=before)
    ids = list(old.order_by("finished_at").values_list("pk", flat=True)[:CHUNK])
    ReportDelivery.objects.filter(pk__in=ids).delete()
    return len(ids)


def bury_reports(ids: list[int]) -> None:
    """Give failed deliveries a dead letter, in the caller's transaction."""
    rows = ReportDelivery.objects.filter(pk__in=ids).select_related("schedule") if ids else []
    work.bury(ReportDelivery, [(row.pk, str(row), row.error, row.request_id) for row in rows])
