from celery import shared_task

from sla.services import auditing, checking
from workers.names import TaskName


@shared_task(name=TaskName.SLA_CHECK_CLOCKS)
def check_clocks() -> int:
    return checking.check_clocks()


@shared_task(name=TaskName.SLA_AUDIT)
def audit() -> float:
    return auditing.audit()
