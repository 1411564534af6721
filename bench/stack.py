"""The embedded stack as `make run` starts it: how long until it is up, and what it holds when nothing happens."""

import tempfile
import time
from pathlib import Path

from bench.results import Result
from deploy.layout import memory
from tests.live.desk import Desk
from tests.live.up import Up, pids_of

IDLE_SECONDS = 60
PROPORTIONAL_MB = 800
UP_SECONDS = 10


def measure(desk: Desk) -> list[Result]:
    desk.stop()  # it would share pages with what is measured, and the cores
    with tempfile.TemporaryDirectory(prefix="smartops-bench-up-") as folder:
        var = Path(folder)
        var.chmod(0o755)
        stack = Up(var)
        stack.environment["PYTHONPATH"] = _without(
            var / "hidden", "rich", "requests", "pygments", "greenlet"
        )
        first = _start_and_stop(stack)
        started = time.monotonic()
        process, _ = stack.start()
        again = time.monotonic() - started
        try:
            time.sleep(IDLE_SECONDS)  # caches are filled, beat has sent everything once
            held = memory(*pids_of(var))
        finally:
            stack.stop(process)
    return [
        Result("whole stack, first start with the demo's data", first, "s", 30, at_most=True),
        Result("whole stack, started again", again, "s", UP_SECONDS, at_most=True),
        Result("whole stack, idle", held, "MB", PROPORTIONAL_MB, at_most=True),
    ]


def _without(folder: Path, *packages: str) -> str:
    """A path on which these cannot be imported. The tests brought them: users' processes have none to load."""
    folder.mkdir()
    for name in packages:
        (folder / f"{name}.py").write_text(f"raise ImportError({name!r})\n")
    return str(folder)


def _start_and_stop(stack: Up) -> float:
    started = time.monotonic()
    process, _ = stack.start()
    took = time.monotonic() - started
    stack.stop(process)
    return took
