"""The Celery application. Its settings, with their reasons, are in `smartops/settings.py`."""

import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Django's checks load every page and view; `migrate` runs them before any worker starts.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smartops.settings")

from typing import Any

from celery import Celery
from celery.signals import before_task_publish, worker_before_create_process

from smartops.env import var_dir
from workers import exporter

exporter.prepare(var_dir())  # before anything that counts is loaded

from workers.context import SENT_AT
from workers.liveness import AliveFile
from workers.memory import settle
from workers.stopping import ask  # noqa: F401  # before the first fork, which inherits what it is told
from workers.tracing import ON

app = Celery(
    "smartops",
    amqp="workers.amqp:BoundedAMQP",
    task_cls="workers.base:BaseTask",
    events="workers.consumer:PromptEvents",
)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(AliveFile)
if ON and "worker" in sys.argv:
    import smartops.tracing  # noqa: F401  # it starts with each process of the pool


@before_task_publish.connect
def stamp(headers: dict[str, Any], **_: Any) -> None:
    """In every process that sends: how long messages wait is told by whoever runs their tasks."""
    headers[SENT_AT] = time.time()


@worker_before_create_process.connect
def before_fork(sender: Any, **_: Any) -> None:
    """What every process of a pool needs is loaded before the first is forked, so that they share it."""
    if sender._processes > 1:  # one alone loads it for its first training: 10 MB less until then
        import scipy.sparse  # noqa: F401

    settle()
