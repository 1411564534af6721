"""The tick that keeps the figures fresh."""

from celery import shared_task

from analytics import services
from workers.names import TaskName


@shared_task(name=TaskName.ANALYTICS_REFRESH)
def refresh() -> int:
    return services.refresh_figures()
