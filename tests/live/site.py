"""A desk on five hosts: one with the data, two web hosts, two worker hosts with a beat each; and an office."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import redis

from smartops import embedded
from smartops.parts import CELERY, worker_command
from tests import databases
from tests.live.desk import BASE, LEASE_SECONDS, Desk
from tests.live.hosts import Network
from tests.live.rabbit import Rabbit
from tests.live.test_sla_faults import assert_each_level_once, publish, wait_until_escalated

WEB, WORKERS = ("north", "south"), ("east", "west")
WEB_PORT = 8000
_BEAT = (*CELERY, "smartops.beat", "beat", "-l", "WARNING", "--pidfile=")
_DONE = re.compile(r'"task": "([a-z_.]+)".*"event": "task done"')


@contextmanager
def opened(root: Path, *, rabbitmq: bool = False) -> Iterator["Site"]:
    """A site at work, and this thread in its office. All of it is gone afterwards, however the block ends."""
    for folder in (root, root.parent, root.parent.parent):
        folder.chmod(0o755)  # the database runs as another user
    with ExitStack() as stack:
        network = Network()
        stack.callback(network.close)
        site = Site(root, network)
        stack.callback(site.stop)
        if rabbitmq:
            with network.at("data"):
                broker = Rabbit(root / "rabbitmq", site.address)
            stack.callback(broker.stop)
            site.environment["CELERY_BROKER_URL"] = broker.url
        stack.enter_context(network.at("office"))
        site.open_for_business()
        publish(site, "2s", [{"at": 50}, {"at": 100}, {"after": "1s"}])
        yield site


class Site(Desk):
    """Whoever uses it is in the office: `with network.at("office")`."""

    def __init__(self, root: Path, network: Network) -> None:
        self.root, self.network = root, network
        self.processes, self.web = [], None
        self.parts: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self.port = WEB_PORT
        for host in ("data", *WEB, *WORKERS, "office"):
            network.join(host)
        self.address = network.addresses["data"]
        with network.at("data"), ExitStack() as on_failure:
            self.postgres = databases.start_migrated(root / "postgres", durable=False)
            on_failure.callback(self.postgres.stop)
            self._let_others_in()
            self.valkey = embedded.start_valkey(root / "valkey")
            on_failure.callback(self.valkey.stop)
            with redis.from_url(self.valkey.url) as client:
                client.config_set("bind", f"127.0.0.1 {self.address}")
            on_failure.pop_all()
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
        self.token = self.migrate()
        for host in WEB:
            self.run(
                host,
                *(sys.executable, "-m", "uvicorn", "smartops.asgi:application"),
                *("--host", "0.0.0.0", "--port", str(WEB_PORT), "--lifespan", "off"),
                *("--log-level", "warning", "--ws-per-message-deflate", "false"),
            )
        for host in WORKERS:
            for name in ("core", "io"):
                self.parts[host, name] = self.run(host, *_watched(worker_command(name)))
            self.parts[host, "beat"] = self.run(host, *_BEAT)
        for host in WEB:
            self.talk_to(host)
            self.wait_for(lambda: self.get("/health/ready")[0] == 200, 60, f"{host}'s web")
        for host in WORKERS:
            self.wait_for(lambda host=host: self.done(host) > 0, 60, f"{host}'s first task")

    def run(self, host: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process on a host, which has a name, a network, a log and a folder of its own."""
        named = ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host)
        with self.network.at(host), (self.root / f"{host}.log").open("ab") as log:
            process = subprocess.Popen(
                [*named, *command],
                cwd=BASE,
                env={
                    **self.environment,
                    "VAR_DIR": str(self.root / host),
                    "WORKER_ALIVE_FILE": str(self.alive(host, command)),
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def alive(self, host: str, command: Sequence[str]) -> Path:
        """What a worker touches, and the probe of its container looks at."""
        name = command[command.index("-n") + 1] if "-n" in command else "none"
        return self.root / f"{host}-{name.partition('@')[0]}.alive"

    def touched(self, host: str, name: str) -> float:
        return (self.root / f"{host}-{name}.alive").stat().st_mtime

    def open_everywhere(self, batches: int, size: int) -> list[int]:
        """Post slow tickets to both web hosts in turn. Returns their ids."""
        ids: list[int] = []
        for number in range(batches):
            self.talk_to(WEB[number % len(WEB)])
            ids += self.open(size, "SLOW printer")
        return ids

    def wait_until_both_worker_hosts_are_at_work(self) -> None:
        held = "SELECT count(DISTINCT lease_token) FROM triage_triagejob WHERE state = 'running'"
        self.wait_for(lambda: self.count(held) > 2, 30, "claims of both")  # one alone has two

    def wait_until_all_is_done(self, ids: list[int]) -> None:
        """Triaged once, and each level of escalation reached once."""
        self.wait_until_triaged(60)
        wait_until_escalated(self, 60)
        self.assert_each_has_exactly_one_result(ids)
        assert_each_level_once(self, ids)

    def plug_and_wait_for_work(self, host: str, ids: list[int], *, within: float) -> None:
        """Put the cable in again: the host works, triages new tickets with the others, and nobody ended."""
        before = self.done(host)
        self.network.plug(host)
        back = time.monotonic()
        self.wait_for(lambda: self.done(host) > before, within, f"a task on {host}")
        print(f"the host worked again {time.monotonic() - back:.1f} s after its link was back")
        triaged = self.done(host, "triage.run_jobs")

        def triages_again() -> bool:
            """Others may have been quicker with what came so far."""
            ids.extend(self.open_everywhere(2, 20))
            return self.done(host, "triage.run_jobs") > triaged

        self.wait_for(triages_again, within, f"tickets on {host}", step=1.0)
        self.wait_until_all_is_done(ids)
        assert self.ended() == []

    def ended(self) -> list[tuple[str, str]]:
        """Which worker or beat has died, and where."""
        return [part for part, process in self.parts.items() if process.poll() is not None]

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
