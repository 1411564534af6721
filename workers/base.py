"""The base of every task: what to retry, and one log line for how it ended."""

import time
from typing import Any

import structlog
from celery import Task
from celery.exceptions import Retry
from django.db import InterfaceError, OperationalError, close_old_connections

from workers.context import HEADER, new_request_id, request_id
from workers.errors import PermanentError, TransientError
from workers.observing import ended, waited
from workers.tracing import current_trace

log = structlog.get_logger("workers.task")


class BaseTask(Task):
    """Defaults that all tasks share. Arguments are ids and times, so they may be logged.

    Only short troubles of the infrastructure are retried here. Work that failed is retried from its
    row (`workers.leases`), because a message may be lost and a row may not.
    """

    abstract = True
    autoretry_for = (TransientError, OperationalError, InterfaceError)
    throws = (PermanentError,)
    max_retries = 3
    retry_backoff = 1  # seconds, doubled each time
    retry_backoff_max = 8
    retry_jitter = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = (self.request.headers or {}).get(HEADER) or getattr(self.request, HEADER, None)
        with request_id(given or current_trace() or new_request_id()):
            started = time.perf_counter()
            close_old_connections()
            waited(self.request)
            try:
                result = super().__call__(*args, **kwargs)
            except Retry:
                ended(self.name, "retried", time.perf_counter() - started)
                raise
            except Exception as error:
                ended(self.name, "failed", time.perf_counter() - started)
                log.warning(
                    "task failed",
                    task=self.name,
                    task_id=self.request.id,
                    error=type(error).__name__,
                )
                raise
            ended(self.name, "succeeded", time.perf_counter() - started)
            log.info(
                "task done",
                task=self.name,
                task_id=self.request.id,
                result=result,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )
            return result
