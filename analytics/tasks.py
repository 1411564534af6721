"""The figures kept fresh, exports made, reports sent."""

from typing import Final

from celery import shared_task

from analytics import services
from analytics.services import delivering, exporting, scheduling
from workers.clock import present
from workers.names import TaskName

#: An export may take half an hour; a killed one is begun again when its lease has run out.
EXPORT_SECONDS: Final = 1800


@shared_task(name=TaskName.ANALYTICS_REFRESH)
def refresh() -> int:
    return services.refresh_figures()


@shared_task(
    name=TaskName.ANALYTICS_EXPORT,
    time_limit=EXPORT_SECONDS,
    soft_time_limit=EXPORT_SECONDS - 60,
    acks_late=False,  # as `triage.train`: the sweep finds what a dead worker had
)
def export(*, ids: list[int]) -> int:
    """`ids` are exports."""
    return exporting.run_exports(ids=ids)


@shared_task(name=TaskName.ANALYTICS_REQUEUE_STALE_EXPORTS)
def requeue_stale_exports() -> int:
    return exporting.requeue_stale_exports()


@shared_task(name=TaskName.ANALYTICS_SEND_REPORTS)
def send_reports(*, ids: list[int]) -> int:
    """`ids` are deliveries of reports."""
    return delivering.send_reports(ids=ids, now=present())


@shared_task(name=TaskName.ANALYTICS_PLAN_REPORTS)
def plan_reports() -> int:
    return scheduling.plan_reports(now=present())
