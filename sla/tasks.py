from pathlib import Path

from celery import shared_task
from django.conf import settings

from sla.services import auditing, checking, delivery, sweeping
from sla.services.config import load_config as load
from sla.services.escalating import ACTOR
from tickets.services import raise_parents
from workers.clock import present
from workers.names import TaskName


@shared_task(name=TaskName.SLA_CHECK_CLOCKS)
def check_clocks() -> int:
    raise_parents(actor=ACTOR, now=present())
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


@shared_task(name=TaskName.SLA_LOAD_CONFIG)
def load_config() -> bool:
    return load(path=Path(settings.SLA_CONFIG_FILE), now=present())
