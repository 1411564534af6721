"""A desk on five hosts: one with the data, two web hosts, two worker hosts with a beat each; and an office that uses it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
import redis

from smartops import embedded
from smartops.parts import CELERY, worker_command
from tests.live.desk import BASE, LEASE_SECONDS, Desk
from tests.live.hosts import Network

WEB, WORKERS = ("north", "south"), ("east", "west")
WEB_PORT = 8000
_DONE = re.compile(r'"task": "([a-z_.]+)".*"event": "task done"')


class Site(Desk):
    """Whoever uses it is in the office: `with network.at("office")`."""

    def __init__(self, root: Path, network: Network) -> None:
        self.root, self.network = root, network
        self.processes, self.web = [], None
        self.port = WEB_PORT
        for host in ("data", *WEB, *WORKERS, "office"):
            network.join(host)
        self.address = network.addresses["data"]
        with network.at("data"):
            self.postgres = embedded.start_postgres(root / "postgres", durable=False)
            try:
                self._let_others_in()
                self.valkey = embedded.start_valkey(root / "valkey")
            except BaseException:
                self.postgres.stop()
                raise
            with redis.from_url(self.valkey.url) as client:
                client.config_set("bind", f"127.0.0.1 {self.address}")
        for server in (self.postgres, self.valkey):
            server.url = server.url.replace("127.0.0.1", self.address)
        given = {name: value for name, value in os.environ.items() if name != "SMARTOPS_DEMO"}
        self.environment = given | {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": "the same on all hosts, and nowhere else in the world",
            "ALLOWED_HOSTS": ",".join(["127.0.0.1", *network.addresses.values()]),
            "VAR_DIR": str(root / "office"),
            "DJANGO_SETTINGS_MODULE": "smartops.settings",
            "TRIAGE_LEASE_SECONDS": str(LEASE_SECONDS),
            "TRIAGE_SWEEP_SECONDS": "1",
            "NUDGE_SECONDS": "2",
            "SLA_CHECK_SECONDS": "1",
            "SLA_LEASE_SECONDS": str(LEASE_SECONDS),
        }

    def _let_others_in(self) -> None:
        """PostgreSQL again, listening on its host's address too."""
        server = self.postgres
        server.stop()
        command = [str(word) for word in server.process.args]  # type: ignore[union-attr]
        place = command.index("--listen-addresses=127.0.0.1")
        command[place] = f"--listen-addresses=127.0.0.1,{self.address}"
        folder = Path(command[command.index("-D") + 1])
        with (folder / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.77.0.0/24 scram-sha-256\n")
        owner = folder.stat()
        with server.log.open("ab") as log:
            server.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                user=owner.st_uid,
                group=owner.st_gid,
                extra_groups=[],
                start_new_session=True,
            )
        end = time.monotonic() + 30
        while True:
            try:
                return psycopg.connect(server.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < end, server.log.read_text()[-2000:]
                time.sleep(0.1)

    def open_for_business(self) -> None:
        self.manage("migrate", "--verbosity=0")
        [(self.default_policy,)] = self.sql("SELECT id FROM sla_slapolicy WHERE enabled")
        self.token = self.manage("create_token", "live", "--create", "Agent").strip()
        for host in WEB:
            self.run(
                host,
                *(sys.executable, "-m", "uvicorn", "smartops.asgi:application"),
                *("--host", "0.0.0.0", "--port", str(WEB_PORT), "--lifespan", "off"),
                *("--log-level", "warning", "--ws-per-message-deflate", "false"),
            )
        self.parts = {
            (host, name): self.run(host, *_watched(worker_command(name)))
            for host in WORKERS
            for name in ("core", "io")
        }
        for host in WORKERS:
            self.start_beat_at(host)
        for host in WEB:
            self.talk_to(host)
            self.wait_for(lambda: self.get("/health/ready")[0] == 200, 60, f"{host}'s web")
        for host in WORKERS:
            self.wait_for(lambda host=host: self.done(host) > 0, 60, f"{host}'s first task")

    def start_beat_at(self, host: str) -> None:
        beat = [*CELERY, "smartops.beat", "beat", "-l", "WARNING", "--pidfile="]
        self.parts[host, "beat"] = self.run(host, *beat)

    def run(self, host: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process on a host, which has a name, a network, a log and a folder of its own."""
        named = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host)
        with self.network.at(host), (self.root / f"{host}.log").open("ab") as log:
            process = subprocess.Popen(
                [*named, *command],
                cwd=BASE,
                env={**self.environment, "VAR_DIR": str(self.root / host)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def talk_to(self, host: str) -> None:
        """Which web host gets what comes next."""
        self.host = self.network.addresses[host]

    def said(self, *hosts: str) -> str:
        logs = [self.root / f"{host}.log" for host in hosts or (*WEB, *WORKERS)]
        return "\n".join(log.read_text(errors="replace") for log in logs if log.exists())

    def done(self, host: str, task: str = "") -> int:
        """How many tasks, or how many of one kind, the workers of a host have done."""
        return sum(task in ("", found) for found in _DONE.findall(self.said(host)))


def _watched(command: Sequence[str]) -> list[str]:
    """The product's own command, with tickets that take their time and a log of every task."""
    other = {"smartops": "tests.live.faulty_app", "WARNING": "INFO"}
    return [other.get(word, word) for word in command]
