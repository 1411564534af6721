"""Beat's sign of life, as workers give theirs (`workers.liveness`)."""

import os
from pathlib import Path
from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from workers.liveness import VARIABLE


class BeatingScheduler(DatabaseScheduler):
    """Touches the file that WORKER_ALIVE_FILE names with each turn of beat's loop, at least every five seconds."""

    def tick(self, *arguments: Any, **options: Any) -> Any:
        if name := os.environ.get(VARIABLE):
            Path(name).touch()
        return super().tick(*arguments, **options)
