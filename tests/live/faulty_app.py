"""The Celery app with tickets that misbehave on purpose: POISON kills its worker, SLOW takes its time."""

import os
import signal
import time
from typing import Any

from smartops.celery import app as app
from triage import decide as engine


def _decide(given: Any, *rest: Any) -> Any:
    if "POISON" in given.title:
        os.kill(os.getpid(), signal.SIGKILL)  # what the out-of-memory killer does
    if "SLOW" in given.title:
        time.sleep(0.02)
    return engine.decide(given, *rest)


@app.on_after_finalize.connect
def misbehave(**_: Any) -> None:
    from triage.services import running

    running.decide = _decide  # type: ignore[assignment]
