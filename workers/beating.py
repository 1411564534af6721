"""Beat's sign of life, as workers give theirs (`workers.liveness`), and its end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery.signals import beat_init
from django_celery_beat.schedulers import DatabaseScheduler

from workers.liveness import VARIABLE


class BeatingScheduler(DatabaseScheduler):
    """Touches the file that WORKER_ALIVE_FILE names with each turn of beat's loop, at least every five seconds."""

    busy = 0
    stopping = False

    def tick(self, *arguments: Any, **options: Any) -> Any:
        if name := os.environ.get(VARIABLE):
            Path(name).touch()
        with self._writing():
            interval = super().tick(*arguments, **options)
        return 0 if self.stopping else interval  # what comes next is a sleep of that length

    def _do_sync(self) -> None:
        """What ran when goes to the database: now and then after the sleep, and at the end."""
        with self._writing():
            super()._do_sync()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


@beat_init.connect
def stop_between_ticks(sender: Any, **_: Any) -> None:
    """Celery's own handler writes to the database from inside the signal: in the middle of a query it waits for
    ever for the connection that this query holds."""

    def stop(*_: Any) -> None:
        sender._is_shutdown.set()
        sender.scheduler.stopping = True
        if not sender.scheduler.busy:  # it sleeps
            raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
