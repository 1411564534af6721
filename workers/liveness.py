"""A sign of life for whoever restarts workers: a file that is touched while the worker's loop turns."""

import os
from pathlib import Path
from typing import Any, Final

from celery import bootsteps

EVERY_SECONDS: Final = 5.0
VARIABLE: Final = "WORKER_ALIVE_FILE"


class AliveFile(bootsteps.StartStopStep):
    """Touches the file that WORKER_ALIVE_FILE names. A loop that hangs stops touching it; a broker that is away
    does not, for restarting the worker would not bring it back."""

    requires = {"celery.worker.components:Timer"}

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        name = os.environ.get(VARIABLE, "")
        self.path = Path(name) if name else None
        self.timer: Any = None

    def start(self, parent: Any) -> None:
        if self.path is not None:
            self.path.touch()
            self.timer = parent.timer.call_repeatedly(EVERY_SECONDS, self.path.touch)

    def stop(self, parent: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
