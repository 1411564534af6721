"""Who runs a game day: makes the scratch desk, starts workers and player, and removes everything at the end."""

import json
import os
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from smartops.gameday.scenario import Scenario
from smartops.gameday.scratch import Refused, Scratch, copy_configuration, scratch_desk
from smartops.parts import PYTHON, Part, worker_command
from workers import clock
from workers.clock import SharedClock

WORKERS: Final = ("core", "io")
#: What must not reach the world from here, and what a game day does without.
QUIET: Final = {
    "CELERY_BROKER_URL": "",  # always Redis, where its keys are apart
    "CELERY_EVENTS": "0",
    "EMAIL_HOST": "localhost",
    "LLM_PROVIDER": "none",
    "LOG_LEVEL": "WARNING",
    "OUTGOING_ALLOW": "127.0.0.1/32",
    "SLA_HEARTBEAT_URL": "",
}
_TOLD: Final = 30  # lines of the processes' output in an error


class Stopped(Exception):
    """Whoever began the game day wants it no more."""


class Failed(Exception):
    """The game day broke off. The message says what its processes said."""


def rehearse(
    path: Path,
    scenario: Scenario,
    *,
    speed: float,
    keep: bool,
    say: Callable[[str], None],
    stopping: threading.Event,
) -> dict[str, Any]:
    """Play the scenario in `path` on a scratch desk and return its report, unless `stopping` is set meanwhile.

    :raises Refused: it cannot be played here.
    :raises Failed: it broke off.
    :raises Stopped: it was stopped.
    """
    desk_url, redis_url = os.environ["DATABASE_URL"], settings.REDIS_URL
    with (
        tempfile.TemporaryDirectory(prefix="smartops-gameday-") as folder,
        scratch_desk(desk_url, redis_url, keep=keep) as scratch,
    ):
        SharedClock.create(Path(folder, "clock"), scenario.start)
        crew = Crew(scratch, Path(folder), say, stopping)
        try:
            kept = f" Drop {scratch.name}_kept when you have looked at it." if keep else ""
            say(f"Preparing a scratch desk …{kept}")
            crew.start({name: worker_command(name) for name in WORKERS})
            crew.run("migrate", [PYTHON, "manage.py", "migrate", "--verbosity=0"])
            copy_configuration(desk_url, scratch.database_url)
            say(f"Playing {scenario.name} …")
            report = Path(folder, "report.json")
            arguments = [str(path.resolve()), str(speed), str(report)]
            crew.run("player", [PYTHON, "-m", "smartops.gameday", *arguments])
            found: dict[str, Any] = json.loads(report.read_text())
            if "refused" in found:
                raise Refused(found["refused"])
        finally:
            crew.stop()
    return found


class Crew:
    """The processes of a game day. They may be killed at any time: nothing of theirs is to last."""

    def __init__(
        self,
        scratch: Scratch,
        folder: Path,
        say: Callable[[str], None],
        stopping: threading.Event,
    ) -> None:
        self.parts: dict[str, Part] = {}
        self.said: deque[str] = deque(maxlen=_TOLD)
        self.say, self.stopping = say, stopping
        self.environment = {
            **os.environ,
            **QUIET,
            "DJANGO_SETTINGS_MODULE": "smartops.settings",
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": scratch.database_url,
            "DATABASE_REPLICA_URL": "",  # it follows the desk's own database
            "REDIS_URL": scratch.redis_url,
            "REDIS_PREFIX": scratch.prefix,
            clock.VARIABLE: str(folder / "clock"),
        }

    def start(self, commands: dict[str, list[str]]) -> None:
        for name, command in commands.items():
            self.parts[name] = Part(name, command, "")
            self.parts[name].start(self.environment, self._heard)

    def run(self, name: str, command: list[str]) -> None:
        """Run one process to its end, while the others live.

        :raises Failed: it did not end well, or one of them ended.
        :raises Stopped: it shall not go on.
        """
        self.start({name: command})
        while (code := self._code(name)) is None:
            if self.stopping.wait(0.05):
                raise Stopped
            for other in self.parts:
                if other != name and self._code(other) is not None:
                    raise self._failed(f"Worker {other} ended")
        if code:
            raise self._failed(f"{name} failed")
        del self.parts[name]

    def stop(self) -> None:
        for part in self.parts.values():
            part.signal(signal.SIGKILL)
        for part in self.parts.values():
            part.wait(5)

    def _code(self, name: str) -> int | None:
        process = self.parts[name].process
        return process.poll() if process else None

    def _failed(self, what: str) -> Failed:
        time.sleep(0.2)  # for its last words
        return Failed("\n".join([f"{what}:", *self.said]))

    def _heard(self, name: str, _colour: str, line: str) -> None:
        self.said.append(line)
        if name == "player":
            self.say(line)
