"""The embedded stack, `manage.py up`, as its user starts and stops it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

from tests.live.desk import BASE

#: What users have not set: they keep what Python has compiled, too.
_OURS = {
    *("DATABASE_URL", "REDIS_URL", "SMARTOPS_DEMO", "DJANGO_SETTINGS_MODULE"),
    "PYTHONDONTWRITEBYTECODE",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Up:
    def __init__(self, var: Path) -> None:
        self.var = var
        self.port, self.flower = free_port(), free_port()
        self.environment = {key: value for key, value in os.environ.items() if key not in _OURS} | {
            "VAR_DIR": str(var)
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "manage.py", *arguments]

    def up(self, port: int | None = None) -> list[str]:
        return self.command(
            "up", "--port", str(port or self.port), "--flower-port", str(self.flower)
        )

    def start(self) -> tuple[subprocess.Popen[str], str]:
        """Start and wait for the welcome. Returns the process and what it said."""
        process = subprocess.Popen(
            self.up(),
            cwd=BASE,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout
        said, end = "", time.monotonic() + 90
        for line in process.stdout:
            said += line
            if "Ctrl-C stops everything" in line:
                return process, said
            assert time.monotonic() < end, said
        raise AssertionError(said)

    def stop(self, process: subprocess.Popen[str]) -> int:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=40)
        return process.returncode

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=BASE,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def call(self, path: str, token: str, body: object = None) -> object:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        with urlopen(
            Request(f"http://127.0.0.1:{self.port}{path}", data, headers), timeout=20
        ) as answer:
            return json.load(answer)


def pids_of(var: Path) -> dict[int, str]:
    """Processes whose environment or arguments name this `var`, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
            if str(var).encode() in text and int(folder.name) != os.getpid():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found
