"""The machinery's own ticks."""

from celery import shared_task

from workers import services, tallies
from workers.clock import present
from workers.names import TaskName


@shared_task(name=TaskName.WORKERS_BEAT_TICK)
def beat_tick() -> None:
    """Beat sent it, the broker carried it, a worker ran it: all three live."""
    services.beat(name="beat")


@shared_task(name=TaskName.WORKERS_PURGE)
def purge() -> int:
    return services.purge(now=present())


@shared_task(name=TaskName.WORKERS_FOLD_TALLIES)
def fold_tallies() -> int:
    return tallies.fold()
