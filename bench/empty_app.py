"""The product's Celery app with one task more, which does nothing: the peer of triage."""

from celery import shared_task

from smartops.celery import app as app
from workers.base import BaseTask


@shared_task(name="bench.empty", base=BaseTask, queue="triage")
def empty() -> None:
    return None
