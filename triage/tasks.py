from celery import shared_task
from django.utils import timezone

from triage import services
from workers.names import TaskName


@shared_task(name=TaskName.TRIAGE_RUN_JOBS)
def run_jobs(*, ids: list[int]) -> int:
    return services.run_jobs(ids=ids, now=timezone.now())


@shared_task(name=TaskName.TRIAGE_REQUEUE_STALE_JOBS)
def requeue_stale_jobs() -> int:
    return services.requeue_stale_jobs()


@shared_task(name=TaskName.TRIAGE_RUN_BATCH_JOBS)
def run_batch_jobs(*, ids: list[int]) -> int:
    return services.run_jobs(ids=ids, now=timezone.now())


@shared_task(name=TaskName.TRIAGE_RUN_BATCHES)
def run_batches(*, ids: list[int]) -> int:
    return services.run_batches(ids=ids)


@shared_task(name=TaskName.TRIAGE_REQUEUE_STALE_BATCHES)
def requeue_stale_batches() -> int:
    return services.requeue_stale_batches()
