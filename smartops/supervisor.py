"""`manage.py up`: everything on one machine, under one roof, stopped in the right order.

No library orders the stop: workers must end before the servers that they write to.
"""

import argparse
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from smartops import embedded, env  # noqa: F401  # `env`: what `.env` says is meant, too
from smartops.parts import (
    BASE,
    PYTHON,
    Part,
    beat_command,
    flower_command,
    web_command,
    worker_command,
)
from smartops.targets import Targets
from workers.queues import WORKERS

BACKOFF_MOST: Final = 30.0  # seconds between restarts of something that keeps dying
STOP_SECONDS: Final = 10.0
READY_SECONDS: Final = 60.0
COLOURS: Final = ("36", "32", "33", "35", "34", "31")


class Refused(Exception):
    """The stack cannot start. The message says why and what to do."""


class Stack:
    def __init__(self, options: argparse.Namespace, var: Path) -> None:
        self.options, self.var = options, var
        self.servers: list[embedded.Server] = []
        self.parts: list[Part] = []
        self.environment = dict(
            os.environ, DJANGO_SETTINGS_MODULE="smartops.settings", PYTHONUNBUFFERED="1"
        )
        self.environment["VAR_DIR"] = str(var)
        # Whoever starts everything on a machine of their own as root needs not be told so by each worker.
        self.environment.setdefault("PYTHONWARNINGS", "ignore:You're running the worker with super")
        if not options.no_demo:
            self.environment.setdefault("SMARTOPS_DEMO", "1")
        self.stopping = threading.Event()
        self._stops = 0
        self._colour = sys.stdout.isatty()

    def say(self, name: str, colour: str, line: str) -> None:
        label = f"{name:9}"
        print(
            f"\033[{colour}m{label}\033[0m {line}" if self._colour else f"{label} {line}",
            flush=True,
        )

    def run(self) -> int:
        signal.signal(signal.SIGINT, self._stop_asked)
        signal.signal(signal.SIGTERM, self._stop_asked)
        announced: Path | None = None
        try:
            self._check_ports()
            announced = self._start_servers()
            login = self._bring_up()
            if self._wait_until_ready():
                self._welcome(login)
            while not self.stopping.wait(0.5):
                self._mend()
        finally:
            self._stop_everything()
            if announced:
                announced.unlink(missing_ok=True)
        return 0

    def _stop_asked(self, number: int, _frame: Any) -> None:
        self._stops += 1
        if self._stops > 1:
            for part in self.parts:
                part.signal(signal.SIGKILL)
        elif not self.stopping.is_set():
            self.say("up", "1", "stopping (again to kill)")
        self.stopping.set()

    def _check_ports(self) -> None:
        for what, option, port in (
            ("The web server", "--port", self.options.port),
            ("Flower", "--flower-port", self.options.flower_port),
        ):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((self.options.bind, port))
                except OSError:
                    raise Refused(
                        f"{what} cannot have port {port}: something else uses it. "
                        f"Stop that, or choose another: make run ARGS='{option} {port + 1}'"
                    ) from None

    def _start_servers(self) -> Path:
        for variable, folder, start in (
            ("DATABASE_URL", "postgres", embedded.start_postgres),
            ("REDIS_URL", "valkey", embedded.start_valkey),
        ):
            if not self.environment.get(variable):
                server = start(self.var / folder)
                self.servers.append(server)
                self.environment[variable] = server.url
                self.say("up", "1", f"{server.name} is up")
        shared = ("DATABASE_URL", "REDIS_URL", "SMARTOPS_DEMO")
        return embedded.announce_services(
            self.var, {name: self.environment[name] for name in shared if name in self.environment}
        )

    def _bring_up(self) -> dict[str, str]:
        """Start all parts, and make the demo's data meanwhile. Returns its login and token, {} without a demo."""
        self._manage("migrate", "--verbosity=0")
        *others, beat = self._parts()
        self._start(*others)
        login: dict[str, str] = {}
        if self.environment.get("SMARTOPS_DEMO") == "1":
            login = json.loads(self._manage("demo_data", "--login"))
        self._start(beat)  # it sends workers to whatever is late: no half-made demo must be there
        return login

    def _manage(self, *arguments: str) -> str:
        """Run one command of manage.py to its end. It is not interrupted by the terminal's Ctrl-C."""
        with subprocess.Popen(
            [PYTHON, "manage.py", *arguments],
            cwd=BASE,
            env=self.environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        ) as process:
            while not self.stopping.is_set():
                try:
                    output, errors = process.communicate(timeout=0.2)
                except subprocess.TimeoutExpired:
                    continue
                if process.returncode:
                    raise Refused(
                        f"manage.py {arguments[0]} failed:\n{errors.strip().splitlines()[-1]}"
                    )
                return output
            process.terminate()
        raise Refused("Stopped before everything was up.")

    def _parts(self) -> list[Part]:
        """Everything that runs beside the servers, beat last."""
        bind = self.options.bind
        commands = {"web": web_command(bind=bind, port=self.options.port)}
        for name in WORKERS:
            if name == "llm" and self.environment.get("LLM_PROVIDER", "none") == "none":
                continue  # a tenth of the stack's memory, to wait for nothing
            commands[name] = worker_command(name)
        commands["flower"] = flower_command(bind=bind, port=self.options.flower_port)
        commands["beat"] = beat_command()
        self.environment["FLOWER_BASIC_AUTH"] = (
            f"admin:{embedded.kept_secret(self.var / 'demo_password')}"
        )
        self.environment.setdefault("FLOWER_URL", f"{self._at(self.options.flower_port)}/")
        targets = Targets(self.var)
        targets.announce({"web": self.options.port, "flower": self.options.flower_port})
        return [
            Part(name, command, colour, targets.environment_of(name))
            for (name, command), colour in zip(commands.items(), cycle(COLOURS), strict=False)
        ]

    def _start(self, *parts: Part) -> None:
        for part in parts:
            part.start(self.environment, self.say)
            self.parts.append(part)

    def _mend(self) -> None:
        """Start again what died: servers at once, parts after a pause that doubles each time."""
        now = time.monotonic()
        for server in self.servers:
            if not server.alive():
                self.say("up", "31", f"{server.name} died; starting it again (log: {server.log})")
                server.restart()
        for part in self.parts:
            if part.process is None or part.process.poll() is None:
                continue
            if not part.restart_at:
                lived = now - part.started_at
                part.failures = 0 if lived > 60 else part.failures + 1
                pause = min(BACKOFF_MOST, 2.0 ** max(part.failures - 1, 0))
                self.say(
                    "up",
                    "31",
                    f"{part.name} ended with {part.process.returncode}; again in {pause:.0f} s",
                )
                part.restart_at = now + pause
            elif now >= part.restart_at:
                part.restart_at = 0.0
                part.start(self.environment, self.say)

    def _wait_until_ready(self) -> bool:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and not self.stopping.is_set():
            self._mend()
            try:
                with urlopen(f"{self.address}/health/ready", timeout=2) as answer:
                    if answer.status == 200:
                        return True
            except (URLError, OSError):
                time.sleep(0.1)
        if not self.stopping.is_set():
            raise Refused(
                f"The web server did not become ready within {READY_SECONDS:.0f} s; its lines above say why."
            )
        return False

    @property
    def address(self) -> str:
        return self._at(self.options.port)

    def _at(self, port: int) -> str:
        """As a browser on this machine finds it."""
        bind: str = self.options.bind
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(
            bind, f"[{bind}]" if ":" in bind else bind
        )
        return f"http://{host}:{port}"

    def _welcome(self, login: dict[str, str]) -> None:
        lines = [
            "SmartOps is up.",
            f"  Desk      {self.address}/",
            f"  Admin     {self.address}/admin/",
            f"  API       {self.address}/api/v1/   docs {self.address}/api/docs/",
            f"  Health    {self.address}/health",
            f"  Flower    {self._at(self.options.flower_port)}/",
        ]
        if login:
            lines += [
                f"  Login     {login['username']}  password  {login['password']}   (Flower too)",
                f"  Token     {login['token']}",
            ]
        lines.append("  Ctrl-C stops everything.")
        print("\n" + "\n".join(lines) + "\n", flush=True)

    def _stop_everything(self) -> None:
        """All parts at once; workers may finish what they run, and the servers, to which they write, end last."""
        self.stopping.set()
        for part in self.parts:
            part.signal(signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        for part in self.parts:
            part.wait(max(0.1, end - time.monotonic()))
        for server in reversed(self.servers):
            server.stop()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="manage.py up", description="Run the whole desk on this machine."
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--flower-port", type=int, default=5555)
    parser.add_argument("--bind", default="127.0.0.1", help="Address to listen on")
    parser.add_argument(
        "--no-demo", action="store_true", help="No demo people, tickets and secrets"
    )
    options = parser.parse_args(arguments)
    var = Path(os.environ.get("VAR_DIR", BASE / "var")).resolve()
    (var / "run").mkdir(parents=True, exist_ok=True)
    with (var / "run" / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            print(
                f"SmartOps already runs on {var} ({lock.read().strip()}). Stop it, or set VAR_DIR.",
                file=sys.stderr,
            )
            return 1
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, port {options.port}")
        lock.flush()
        try:
            return Stack(options, var).run()
        except (Refused, embedded.NotStarted) as error:
            print(f"\n{error}", file=sys.stderr)
            return 1
