"""A consumer that survives the loss of its broker, and events that never hold it up.

Celery 5.7.0 closes a Redis connection that kombu has already taken apart, and the worker dies with an
AttributeError. `tests/live/test_broker_faults.py` shows it; remove that part when the test passes without it.
"""

from typing import Any, Final

from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher
from celery.worker.consumer import Consumer

from workers import liveness

#: A lost connection is made anew at once; what still fails then waits for the next event.
ONCE: Final = {"max_retries": 1, "interval_start": 0, "interval_step": 0}


class SafeConsumer(Consumer):
    def on_connection_error_after_connected(self, exc: Exception) -> None:
        connection: Any = self.connection
        if connection is not None and str(connection.transport_cls).startswith(
            ("redis", "sentinel")
        ):
            # collect() has already cleaned up; the second close is what raises.
            connection.close = connection.release = lambda: None
        super().on_connection_error_after_connected(exc)

    def ensure_connected(self, conn: Any) -> Any:
        """Wait for the broker, for ever, showing all the while that this worker lives."""
        ensure = conn.ensure_connection

        def ensure_alive(*arguments: Any, callback: Any, **options: Any) -> Any:
            def wait() -> None:
                liveness.show()
                callback()

            return ensure(*arguments, callback=wait, **options)

        conn.ensure_connection = ensure_alive
        return super().ensure_connected(conn)


class PromptDispatcher(EventDispatcher):
    """Sends a worker's sign of life every two seconds from the loop that reads the broker and watches time limits.
    Celery would try for ever: on a host that is cut off the loop stood still until the link was back."""

    def _publish(
        self, event: Any, producer: Any, routing_key: str, retry: bool = False, **options: Any
    ) -> None:
        options["retry_policy"] = options.get("retry_policy") or ONCE
        super()._publish(event, producer, routing_key, retry=retry, **options)


class PromptEvents(Events):
    dispatcher_cls = PromptDispatcher
