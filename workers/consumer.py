"""A consumer that survives the loss of its Redis connection while a late-acknowledged task runs.

Celery 5.7.0 closes a connection that kombu has already taken apart, and the worker dies with an AttributeError.
`tests/live/test_broker_faults.py` shows it; remove this when that test passes without it.
"""

from typing import Any

from celery.worker.consumer import Consumer


class SafeConsumer(Consumer):
    def on_connection_error_after_connected(self, exc: Exception) -> None:
        connection: Any = self.connection
        if connection is not None and str(connection.transport_cls).startswith(
            ("redis", "sentinel")
        ):
            # collect() has already cleaned up; the second close is what raises.
            connection.close = connection.release = lambda: None
        super().on_connection_error_after_connected(exc)
