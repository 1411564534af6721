"""The Celery app with tickets that misbehave on purpose, by a word in their title.

POISON kills the worker that triages it, SLOW takes its time, STUCK stops the process: once. FREEZE stops the
process that checks its clocks, DIE kills it: once, in the middle of the transaction. With SKEW_SECONDS the whole
worker believes in another time. With TICK_DIES the first tick of the simulation kills its process when all is
written and nothing committed.
"""

import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine

from smartops.celery import app as app
from triage import decide as engine

if os.environ.get("SKEW_SECONDS"):
    wrong = datetime.now().astimezone() + timedelta(seconds=int(os.environ["SKEW_SECONDS"]))
    time_machine.travel(wrong, tick=True).start()


def _decide(given: Any, *rest: Any) -> Any:
    if "POISON" in given.title:
        os.kill(os.getpid(), signal.SIGKILL)  # what the out-of-memory killer does
    if "STUCK" in given.title and _once("STUCK"):
        os.kill(os.getpid(), signal.SIGSTOP)
    if "SLOW" in given.title:
        time.sleep(0.02)
    return engine.decide(given, *rest)


def _once(word: str) -> bool:
    """Whether this is the first process of all to ask."""
    try:
        Path(os.environ["VAR_DIR"], f"faulty-{word}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _hurt_oneself(title: str) -> None:
    for word, number in (("FREEZE", signal.SIGSTOP), ("DIE", signal.SIGKILL)):
        if word in title and _once(word):
            os.kill(os.getpid(), number)


@app.on_after_finalize.connect
def misbehave(**_: Any) -> None:
    from servers.services import simulation
    from sla.services import checking
    from triage.services import running

    running.decide = _decide  # type: ignore[assignment]
    escalate = checking.escalate

    def escalate_or_suffer(*, tickets: Any, **rest: Any) -> int:
        for ticket in tickets.values():
            _hurt_oneself(ticket.title)
        done = escalate(tickets=tickets, **rest)
        for ticket in tickets.values():
            if "SLOW" in ticket.title:
                time.sleep(0.01)
        return done

    checking.escalate = escalate_or_suffer
    write = simulation.write_events

    def write_and_die(rows: Any) -> Any:
        written = write(rows)
        if os.environ.get("TICK_DIES") and _once("TICK"):
            os.kill(os.getpid(), signal.SIGKILL)
        return written

    simulation.write_events = write_and_die
