"""What workers count of the tasks that they run. `workers.exporter` tells it."""

import time
from collections import OrderedDict
from typing import Any, Final

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, task_revoked
from prometheus_client import Counter, Gauge, Histogram

from workers.context import SENT_AT

TASKS: Final = Counter(
    "smartops_tasks_total",
    "Tasks that ended: succeeded, failed, retried, lost with their process, or expired before they were run",
    ["task", "outcome"],
)
DURATION: Final = Histogram(
    "smartops_task_duration_seconds",
    "How long tasks ran",
    ["task"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
WAIT: Final = Histogram(
    "smartops_task_wait_seconds",
    "How long messages waited, from their sending until a worker began their task",
    ["queue"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0),
)
SUCCEEDED: Final = Gauge(
    "smartops_task_last_success_timestamp_seconds",
    "When this task last succeeded",
    ["task"],
    multiprocess_mode="max",
)


def waited(request: Any) -> None:
    """Of a task that begins. A retry waits because it should."""
    sent = getattr(request, SENT_AT, None)
    if isinstance(sent, int | float) and not request.retries:
        queue = (request.delivery_info or {}).get("routing_key") or "unknown"
        WAIT.labels(queue).observe(max(time.time() - sent, 0.0))


def ended(task: str, outcome: str, seconds: float) -> None:
    TASKS.labels(task, outcome).inc()
    DURATION.labels(task).observe(seconds)
    if outcome == "succeeded":
        SUCCEEDED.labels(task).set(time.time())


#: Tasks that were counted as lost of late, by their ids.
_LOST: Final[OrderedDict[str, None]] = OrderedDict()
_MOST_LOST: Final = 1000


@task_failure.connect
def lost(sender: Any, task_id: str, exception: BaseException, **_: Any) -> None:
    """The main process of a pool hears of a process that died, which could not count its task itself: of one that
    ran too long twice, from the pool and from the task's request."""
    if not isinstance(exception, WorkerLostError | TimeLimitExceeded) or task_id in _LOST:
        return
    _LOST[task_id] = None
    if len(_LOST) > _MOST_LOST:
        _LOST.popitem(last=False)
    TASKS.labels(sender.name, "lost").inc()


@task_revoked.connect
def revoked(sender: Any, expired: bool = False, **_: Any) -> None:
    if expired:
        TASKS.labels(sender.name, "expired").inc()
