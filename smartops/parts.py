"""One process of the desk: its command, wherever it runs, and its output and restarts under the supervisor."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from workers.queues import WORKERS

BASE: Final = Path(__file__).resolve().parent.parent
PYTHON: Final = sys.executable
CELERY: Final = (PYTHON, "-m", "smartops.lean", "-q", "-A")


def web_command(*, bind: str, port: int) -> list[str]:
    return [
        *(PYTHON, "-m", "uvicorn", "smartops.asgi:application"),
        *("--host", bind, "--port", str(port)),
        *("--timeout-graceful-shutdown", "3"),
        "--no-access-log",  # the application writes a line for each request
        *("--log-level", "warning"),
        *("--http", "httptools"),
        *("--lifespan", "off"),
        *("--ws-per-message-deflate", "false"),  # small messages: it costs more than it saves
    ]


def worker_command(name: str, *, concurrency: int = 0) -> list[str]:
    """The command of a worker of `workers.queues.WORKERS`; 0: with the concurrency that stands there."""
    spec = WORKERS[name]
    return [
        *CELERY,
        *("smartops", "worker"),
        *("-n", f"{name}@%h"),
        *("-Q", ",".join(spec.queues)),
        *("-P", spec.pool),
        *(("--prefetch-multiplier", str(spec.prefetch)) if spec.prefetch else ()),
        *("-c", str(concurrency or spec.concurrency)),
        "--without-gossip",
        "--without-mingle",
        *("-l", "WARNING"),
    ]


def beat_command() -> list[str]:
    return [*CELERY, "smartops.beat", "beat", "-l", "WARNING", "--pidfile="]


def flower_command(*, bind: str, port: int) -> list[str]:
    return [
        *(PYTHON, "-m", "celery", "-q", "-A", "smartops.flower"),
        *("flower", f"--address={bind}", f"--port={port}", "--max_tasks=2000", "--logging=ERROR"),
    ]


def migrate_command() -> list[str]:
    return [PYTHON, "manage.py", "migrate", "--verbosity=1"]


@dataclass
class Part:
    """One process of the stack, restarted with growing pauses when it dies."""

    name: str
    command: list[str]
    colour: str
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    failures: int = 0
    restart_at: float = 0.0
    started_at: float = field(default=0.0)

    def start(self, environment: dict[str, str], say: Callable[[str, str, str], None]) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            cwd=BASE,
            env={**environment, **self.extra},
            text=True,
            errors="replace",
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,
        )
        threading.Thread(target=self._copy, args=(say,), daemon=True).start()

    def _copy(self, say: Callable[[str, str, str], None]) -> None:
        if self.process and self.process.stdout:
            with self.process.stdout as lines:
                for line in lines:
                    say(self.name, self.colour, line.rstrip())

    def signal(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            # Celery's main process passes a warm stop on to its children by itself.
            (os.kill if number == signal.SIGTERM else os.killpg)(self.process.pid, number)

    def wait(self, seconds: float) -> None:
        if self.process:
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()


def _die_with_parent() -> None:
    """On Linux: a killed supervisor leaves no process behind."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
