from celery import shared_task

from sla.services import auditing, checking, delivery, sweeping
from workers.names import TaskName


@shared_task(name=TaskName.SLA_CHECK_CLOCKS)
def check_clocks() -> int:
    return checking.check_clocks()


@shared_task(name=TaskName.SLA_AUDIT)
def audit() -> float:
    return auditing.audit()


@shared_task(name=TaskName.SLA_DELIVER)
def deliver(*, ids: list[int]) -> int:
    """`ids` are channels."""
    return delivery.deliver(ids=ids)


@shared_task(name=TaskName.SLA_REQUEUE_STALE_NOTIFICATIONS)
def requeue_stale_notifications() -> int:
    return sweeping.requeue_stale_notifications()
