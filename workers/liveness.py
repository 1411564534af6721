"""A sign of life for whoever restarts workers: a file that is touched while the worker's loop turns."""

import os
from pathlib import Path
from typing import Any, Final

from celery import bootsteps

EVERY_SECONDS: Final = 5.0
VARIABLE: Final = "WORKER_ALIVE_FILE"


def show() -> None:
    """Touch the file that WORKER_ALIVE_FILE names, if it names one."""
    if name := os.environ.get(VARIABLE):
        Path(name).touch()


class AliveFile(bootsteps.StartStopStep):
    """A loop that hangs stops touching the file. A broker that is away does not (the consumer touches it while it
    waits), for restarting the worker would not bring it back."""

    requires = {"celery.worker.components:Timer"}

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.timer: Any = None

    def start(self, parent: Any) -> None:
        show()
        self.timer = parent.timer.call_repeatedly(EVERY_SECONDS, show)

    def stop(self, parent: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if name := os.environ.get(VARIABLE):
            Path(name).unlink(missing_ok=True)
