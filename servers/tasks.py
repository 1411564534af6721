from celery import shared_task

from servers import services
from servers.services import checking, deliveries, heartbeats, mailboxes, simulation
from workers.clock import agreed
from workers.names import TaskName


@shared_task(name=TaskName.SERVERS_TICK)
def tick() -> int:
    return simulation.advance(now=agreed()).changes


@shared_task(name=TaskName.SERVERS_FOLLOW_EVENTS)
def follow_events(*, ids: list[int] | None = None) -> int:
    """`ids` tell that there is something new; all that waits is followed."""
    return services.follow_events(now=agreed())


@shared_task(name=TaskName.SERVERS_SETTLE_INCIDENTS)
def settle_incidents() -> int:
    return services.settle_incidents(now=agreed())


@shared_task(name=TaskName.SERVERS_WATCH_STORMS)
def watch_storms() -> int:
    return services.watch_storms(now=agreed())


@shared_task(name=TaskName.SERVERS_TAKE_DELIVERIES)
def take_deliveries(*, ids: list[int]) -> int:
    return deliveries.take_deliveries(ids=ids, now=agreed())


@shared_task(name=TaskName.SERVERS_REQUEUE_STALE_DELIVERIES)
def requeue_stale_deliveries() -> int:
    return deliveries.requeue_stale_deliveries()


@shared_task(name=TaskName.SERVERS_READ_MAIL)
def read_mail(*, ids: list[int] | None = None) -> int:
    """`ids` are mailboxes; all that are due when not given."""
    return mailboxes.read_mailboxes(clock=agreed, ids=ids)


@shared_task(name=TaskName.SERVERS_WATCH_HEARTBEATS)
def watch_heartbeats() -> int:
    return heartbeats.watch_heartbeats(now=agreed())


@shared_task(name=TaskName.SERVERS_RUN_CHECKS)
def run_checks() -> int:
    return checking.run_checks(now=agreed())
