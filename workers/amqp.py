"""Messages as Celery sends them, with a bound on how long anybody waits for RabbitMQ to confirm one."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from celery.app.amqp import AMQP

#: A broker that is frozen, or that blocks who publishes because its memory or disk is full, says nothing at all.
CONFIRM_SECONDS: Final = 5.0


class BoundedAMQP(AMQP):
    """Of publishers and beat alike. Redis confirms nothing, and nothing is waited for."""

    def _create_task_sender(self) -> Callable[..., Any]:
        return partial(super()._create_task_sender(), confirm_timeout=CONFIRM_SECONDS)
