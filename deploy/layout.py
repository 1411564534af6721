"""`make layout`: docker-compose.yml without Docker.

Starts the command of each service that is ours as a process with exactly its environment, in the file's order,
waits for its health check, has a ticket triaged, and stops everything. It differs from containers in this:
database and Valkey are the embedded ones; all share one address, so that ports and files under /tmp are replaced
by free ones; nothing limits memory. Run by root, processes are the image's user if that one can reach the files.
"""

import argparse
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import psycopg

from deploy import compose
from deploy.write_env import MADE
from smartops import embedded

BASE: Final = compose.BASE
OURS: Final = ("postgres", "redis")  # their place is taken by embedded servers
ELSEWHERE: Final = ("prometheus", "grafana")  # other people's images
LISTENS: Final = {"web": 8000, "flower": 5555}
USER: Final = 10001  # of the image
TICKETS: Final = 5000  # of the load after which memory is measured


class Failed(Exception):
    """A service did not do what the file promises. The message says which and ends with its output."""


@dataclass
class Service:
    """One process. Times in seconds, memory in MB (PSS, with its children)."""

    name: str
    spec: dict[str, Any]
    folder: Path
    environment: dict[str, str]
    command: list[str]
    check: list[str]
    process: subprocess.Popen[bytes] | None = None
    healthy_after: float = 0.0
    memory: float = 0.0
    stopped_after: float = 0.0
    code: int | None = None
    connections: int = 0  # to the database

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")[-3000:]


@dataclass
class Layout:
    root: Path
    scale: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=lambda: {n: make() for n, make in MADE.items()})
    servers: list[embedded.Server] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything as its conditions allow.

        :raises Failed: one is not healthy in time, or `migrate` failed.
        """
        self.root.chmod(0o755)
        self.ports = {name: free_port() for name in LISTENS}
        started = [embedded.start_postgres, embedded.start_valkey]
        self.servers = [start(self.root / start.__name__) for start in started]
        wanted = compose.read(self.secrets)["services"]
        for name in in_order(wanted):
            for number in range(self.scale.get(name, 1)):
                service = self._service(name, number, wanted[name])
                self._start(service)

    def _service(self, name: str, number: int, spec: dict[str, Any]) -> Service:
        folder = self.root / f"{name}-{number + 1}"
        folder.mkdir()
        if os.geteuid() == 0:
            os.chown(folder, USER, USER)
        environment = {
            **image_environment(),
            **{name: str(value) for name, value in spec["environment"].items()},
            "DATABASE_URL": self.servers[0].url,
            "REDIS_URL": self.servers[1].url,
            "PGAPPNAME": folder.name,
        }
        moved = {"/tmp/": f"{folder}/"}
        if name in LISTENS:
            moved[f"127.0.0.1:{LISTENS[name]}"] = f"127.0.0.1:{self.ports[name]}"
        if "WORKER_METRICS_PORT" in environment:
            environment["WORKER_METRICS_PORT"] = str(free_port())
        command = list(spec["command"])
        if name in LISTENS:
            command += ["--bind", "127.0.0.1", "--port", str(self.ports[name])]
        environment = {key: replaced(value, moved) for key, value in environment.items()}
        environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        test = list(spec.get("healthcheck", {}).get("test", []))
        check = ["sh", "-c", test[1]] if test[:1] == ["CMD-SHELL"] else test[1:]
        return Service(
            name, spec, folder, environment, command, [replaced(word, moved) for word in check]
        )

    def _start(self, service: Service) -> None:
        began = time.monotonic()
        with (service.folder / "output").open("wb") as output:
            service.process = subprocess.Popen(
                service.command,
                cwd=BASE,
                env=service.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity(),
            )
        self.services.append(service)
        patience = seconds(service.spec.get("healthcheck", {}).get("start_period", "60s"))
        if not service.check:  # it runs to its end
            service.code = service.process.wait(10 * patience)
            if service.code:
                raise Failed(f"{service.name} ended with {service.code}:\n{service.output}")
        while service.check and not self._is_healthy(service):
            if service.process.poll() is not None or time.monotonic() - began > patience:
                raise Failed(f"{service.name} is not healthy:\n{service.output}")
            time.sleep(0.1)
        service.healthy_after = time.monotonic() - began

    def _is_healthy(self, service: Service) -> bool:
        done = subprocess.run(
            service.check, env=service.environment, capture_output=True, check=False, **identity()
        )
        return done.returncode == 0

    def call(self, path: str, token: str = "", body: object = None) -> Any:
        """Ask web. Returns what its JSON says."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Token {token}"
        address = f"http://127.0.0.1:{self.ports['web']}{path}"
        with urlopen(Request(address, data, headers), timeout=20) as answer:
            return json.load(answer)

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py as in the container of web."""
        [web, *_] = [service for service in self.services if service.name == "web"]
        done = subprocess.run(
            ["python", "manage.py", *arguments],
            cwd=BASE,
            env=web.environment,
            capture_output=True,
            text=True,
            check=False,
            **identity(),
        )
        if done.returncode:
            raise Failed(f"manage.py {arguments[0]}: {done.stdout}{done.stderr}")
        said: str = done.stdout
        return said.strip()

    def triage_one(self) -> tuple[dict[str, Any], float]:
        """Post a ticket and wait until it is triaged. Returns it and the seconds that it took.

        :raises Failed: it is not triaged within 20 seconds.
        """
        token = self.manage("create_token", "layout", "--create", "Agent")
        began = time.monotonic()
        made = self.call("/api/v1/tickets/", token, {"title": "VPN is down for the whole office"})
        while time.monotonic() - began < 20:
            ticket = self.call(f"/api/v1/tickets/{made['id']}/", token)
            if ticket["triage_status"] != "pending":
                return ticket, time.monotonic() - began
            time.sleep(0.02)
        raise Failed("The ticket was not triaged: is a worker of class core at work?")

    def load(self, tickets: int) -> float:
        """Post tickets while others read lists, until all is triaged. Returns the seconds that it took."""
        token = self.manage("create_token", "layout", "--create", "Agent")
        began = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            pages = [pool.submit(self.call, "/api/v1/tickets/", token) for _ in range(160)]
            batch = [{"title": f"VPN is down on floor {number}"} for number in range(tickets)]
            self.call("/api/v1/tickets/batch/", token, batch)
            for page in pages:
                page.result()
        with psycopg.connect(self.servers[0].url) as link:
            waiting = "SELECT count(*) FROM triage_triagejob WHERE state IN ('pending', 'running')"
            while link.execute(waiting).fetchall() != [(0,)]:
                link.rollback()
                time.sleep(0.05)
        return time.monotonic() - began

    def measure(self) -> None:
        """Note what each service holds: memory, and connections to the database."""
        with psycopg.connect(self.servers[0].url) as link:
            query = "SELECT application_name, count(*) FROM pg_stat_activity GROUP BY 1"
            connections: dict[str, int] = dict(link.execute(query).fetchall())
        for service in self.services:
            if service.process and service.process.poll() is None:
                service.memory = memory(service.process.pid)
                service.connections = connections.get(service.folder.name, 0)

    def stop(self) -> None:
        """Stop in the opposite order, each within its grace period, and the servers last."""
        for service in reversed(self.services):
            if service.process is None or service.process.poll() is not None:
                continue
            began = time.monotonic()
            service.process.send_signal(signal.SIGTERM)
            try:
                grace = seconds(service.spec.get("stop_grace_period", "10s"))
                service.code = service.process.wait(grace)
            except subprocess.TimeoutExpired:
                os.killpg(service.process.pid, signal.SIGKILL)
                service.code = service.process.wait()
            service.stopped_after = time.monotonic() - began
        for server in reversed(self.servers):
            server.stop()


def in_order(services: dict[str, Any]) -> Iterator[str]:
    """Return the names of our services so that each comes after those that it waits for.

    :raises Failed: they wait for each other.
    """
    left, there = [n for n in services if n not in (*OURS, *ELSEWHERE)], {*OURS, *ELSEWHERE}
    while left:
        ready = [name for name in left if set(services[name].get("depends_on", {})) <= there]
        if not ready:
            raise Failed(f"These wait for each other: {', '.join(left)}")
        yield from ready
        there |= set(ready)
        left = [name for name in left if name not in there]


def image_environment() -> dict[str, str]:
    """Return what the Dockerfile's last stage sets, without PATH."""
    stage = (BASE / "Dockerfile").read_text().split("\nFROM ")[-1].replace("\\\n", " ")
    lines = " ".join(re.findall(r"^ENV (.*)$", stage, re.MULTILINE))
    found = dict(re.findall(r"(\w+)=(\S+)", lines))
    found.pop("PATH")
    return found


def replaced(text: str, moved: dict[str, str]) -> str:
    return functools.reduce(lambda found, pair: found.replace(*pair), moved.items(), text)


def identity() -> dict[str, Any]:
    """Whom processes run as: the image's user if we may choose and it can reach our files."""
    if os.geteuid() or not embedded._reachable(Path(sys.executable)):
        return {}
    return {"user": USER, "group": USER, "extra_groups": []}


def memory(*pids: int) -> float:
    """Return the MB that processes and their children hold, shared pages counted once for all (PSS)."""
    counted: dict[int, int] = {}
    todo = list(pids)
    while todo:
        one = todo.pop()
        folder = Path(f"/proc/{one}")
        if one in counted or not folder.exists():
            continue
        rollup = (folder / "smaps_rollup").read_text()
        counted[one] = int(re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[0])
        todo += map(int, (folder / f"task/{one}/children").read_text().split())
    return sum(counted.values()) / 1024


def seconds(text: str) -> float:
    return sum(
        float(n) * {"s": 1, "m": 60, "h": 3600}[u] for n, u in re.findall(r"([\d.]+)([smh])", text)
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="make layout", description=__doc__)
    parser.add_argument("--scale", action="append", default=[], metavar="SERVICE=N")
    given = parser.parse_args()
    scale = {name: int(number) for name, number in (one.split("=") for one in given.scale)}
    root = Path(tempfile.mkdtemp(prefix="smartops-layout-"))
    layout = Layout(root, scale)
    try:
        layout.start()
        ticket, took = layout.triage_one()
        print(f"Ticket {ticket['id']}: {ticket['category']}, P{ticket['priority']}, {took:.2f} s")
        print(f"{TICKETS} tickets at once beside 160 lists: {layout.load(TICKETS):.1f} s")
        layout.measure()
    finally:
        layout.stop()
        shutil.rmtree(root, ignore_errors=True)
    limit = re.compile(r"memory: (\w+)")
    print("service    healthy s  PSS MB  limit  connections  stopped s  exit")
    for service in layout.services:
        [most] = limit.findall(f"memory: {service.spec['deploy']['resources']['limits']['memory']}")
        print(
            f"{service.name:10}{service.healthy_after:10.1f}{service.memory:8.0f}{most:>7}"
            f"{service.connections:13}{service.stopped_after:11.1f}{service.code!s:>6}"
        )
    print(f"{'together':20}{sum(s.memory for s in layout.services):8.0f}")


if __name__ == "__main__":
    try:
        main()
    except (Failed, embedded.NotStarted) as error:
        sys.exit(str(error))
