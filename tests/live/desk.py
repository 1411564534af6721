"""A whole desk of real processes that a test may break: database, broker, web, workers, beat."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import psycopg

from smartops import embedded
from tests import databases

BASE = Path(__file__).resolve().parent.parent.parent
LEASE_SECONDS = 3
DIRECT = build_opener(ProxyHandler({}))  # whatever proxy this machine has
_MIGRATE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("create_token", "live", create="Agent", days=None)
"""


class Desk:
    _link: psycopg.Connection | None = None

    def __init__(self, root: Path) -> None:
        self.root = root
        root.chmod(0o755)
        self.postgres = databases.start_migrated(root / "postgres")
        self.valkey = embedded.start_valkey(root / "valkey")
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "VAR_DIR": str(root / "var"),
            "SMARTOPS_DEMO": "1",
            "TRIAGE_LEASE_SECONDS": str(LEASE_SECONDS),
            "TRIAGE_SWEEP_SECONDS": "1",
            "NUDGE_SECONDS": "2",
            "SLA_CHECK_SECONDS": "1",
            "SLA_LEASE_SECONDS": str(LEASE_SECONDS),
            "FEED_RECHECK_SECONDS": "2",
            "FLEET_TICK_SECONDS": "1",
            "INTAKE_LEASE_SECONDS": str(LEASE_SECONDS),
            "INTAKE_SWEEP_SECONDS": "1",
            "EXPORT_LEASE_SECONDS": str(LEASE_SECONDS),
            "EXPORT_SWEEP_SECONDS": "1",
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.web: subprocess.Popen[bytes] | None = None
        self.host, self.port = "127.0.0.1", embedded.kept_port(root / "web-port")
        self.token = self.migrate()
        [(self.default_policy,)] = self.sql("SELECT id FROM sla_slapolicy WHERE enabled")

    def migrate(self) -> str:
        """Returns the token of an agent."""
        done = self.run_python(_MIGRATE)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=BASE, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_python(self, code: str) -> subprocess.CompletedProcess[str]:
        """Run code with Django set up, in a process of its own."""
        code = f"import django; django.setup()\n{code}"
        environment = {**self.environment, "DJANGO_SETTINGS_MODULE": "smartops.settings"}
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=BASE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def spawn(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.root / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=BASE,
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def start_worker(self, **environment: str) -> subprocess.Popen[bytes]:
        return self.spawn(
            "smartops.lean", "-q", "-A", "tests.live.faulty_app", "worker", "-c", "2",
            "-Q", "sla,default,alerts,triage,bulk",
            "--without-gossip", "--without-mingle", "-l", "WARNING", "-n", f"w{len(self.processes)}@%h",
            **environment,
        )  # fmt: skip

    def start_beat(self) -> subprocess.Popen[bytes]:
        return self.spawn(
            "smartops.lean", "-q", "-A", "smartops.beat", "beat", "--pidfile=", "-l", "WARNING"
        )

    def start_web(self) -> subprocess.Popen[bytes]:
        """A test that does not harm it leaves it to the next one."""
        web = self._web()
        self.wait_for(lambda: self.get("/health/ready")[0] == 200, 20, "web")
        return web

    def _web(self) -> subprocess.Popen[bytes]:
        if self.web is None or self.web.poll() is not None:
            self.web = self._spawn_web()
            self.processes.remove(self.web)
        return self.web

    def _spawn_web(self) -> subprocess.Popen[bytes]:
        return self.spawn(
            "uvicorn",
            "smartops.asgi:application",
            "--port",
            str(self.port),
            "--log-level",
            "warning",
            "--lifespan",
            "off",
            "--timeout-graceful-shutdown",
            "3",
            "--ws-per-message-deflate",
            "false",
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Everything, at work: a first ticket has been triaged. Returns the worker."""
        self._web()
        self.start_beat()
        worker = self.start_worker()
        self.start_web()
        self.open(1, "First")
        self.wait_until_triaged()
        return worker

    def get(self, path: str) -> tuple[int, Any]:
        return self._call(Request(f"http://{self.host}:{self.port}{path}"))

    def post(self, path: str, body: Any, method: str = "POST") -> tuple[int, Any]:
        data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
        address = f"http://{self.host}:{self.port}{path}"
        return self._call(Request(address, data, headers, method=method))

    def _call(self, request: Request) -> tuple[int, Any]:
        request.add_header("Authorization", f"Token {self.token}")
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)
        except (URLError, OSError):
            return 0, None

    def metrics(self, port: int | None = None) -> str:
        """What web, or the worker with this metrics port, tells."""
        token = (self.root / "var" / "metrics_token").read_text()
        request = Request(f"http://{self.host}:{port or self.port}/metrics")
        request.add_header("Authorization", f"Bearer {token}")
        with DIRECT.open(request, timeout=30) as answer:
            return str(answer.read().decode())

    def open(self, count: int, title: str = "VPN is down") -> list[int]:
        """Post `count` tickets at once and return their ids."""
        status, answer = self.post(
            "/api/v1/tickets/batch/", [{"title": f"{title} {number}"} for number in range(count)]
        )
        assert status == 207, answer
        return [line["ticket_id"] for line in answer["results"]]

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if self._link is not None:
            with suppress(psycopg.OperationalError):  # the database has restarted since
                return _rows(self._link, query, parameters)
        with psycopg.connect(self.postgres.url, autocommit=True) as link:
            return _rows(link, query, parameters)

    def count(self, query: str, *parameters: Any) -> int:
        return int(self.sql(query, *parameters)[0][0])

    def unfinished(self) -> int:
        return self.count(
            "SELECT count(*) FROM triage_triagejob WHERE state IN ('pending', 'running')"
        )

    def wait_until_triaged(self, seconds: float = 40) -> None:
        self.wait_for(lambda: self.unfinished() == 0, seconds, "triage")

    def wait_for(
        self, true: Callable[[], bool], seconds: float, what: str, step: float = 0.1
    ) -> None:
        end = time.monotonic() + seconds
        with self._connected():
            while time.monotonic() < end:
                if true():
                    return
                time.sleep(step)
        raise AssertionError(f"{what} did not come within {seconds} s\n{self.said()[-3000:]}")

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """One connection for what is asked again and again: opening one costs more than the answer."""
        with ExitStack() as stack:
            with suppress(psycopg.OperationalError):  # it is away
                link = psycopg.connect(self.postgres.url, autocommit=True)
                stack.callback(setattr, self, "_link", self._link)
                self._link = stack.enter_context(closing(link))
            yield

    def said(self) -> str:
        """What the processes have written so far."""
        return (self.root / "processes.log").read_text(errors="replace")

    def assert_each_has_exactly_one_result(self, ids: list[int]) -> None:
        """The invariant: one decision, one set of events, nothing stuck, for every accepted ticket."""
        rows = self.sql(
            """SELECT t.id, t.triage_status, t.category_id IS NOT NULL,
                      (SELECT count(*) FROM triage_triagedecision d WHERE d.ticket_id = t.id),
                      (SELECT array_agg(e.kind::text ORDER BY e.id)
                         FROM tickets_ticketevent e WHERE e.ticket_id = t.id AND e.kind <> 'escalated'),
                      (SELECT array_agg(j.state::text) FROM triage_triagejob j WHERE j.ticket_id = t.id)
                 FROM tickets_ticket t WHERE t.id = ANY(%s)""",
            ids,
        )
        assert len(rows) == len(ids)
        wrong = [row for row in rows if row[2:] != (True, 1, ["opened", "triaged"], ["done"])]
        assert not wrong, wrong[:3]

    def kill_tree(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop_processes(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                self.kill_tree(process)
        self.processes.clear()

    def stop_web(self) -> None:
        if self.web is not None and self.web.poll() is None:
            self.kill_tree(self.web)
        self.web = None

    def stop(self) -> None:
        self.stop_processes()
        self.stop_web()
        self.valkey.stop()
        self.postgres.stop()

    def reset(self) -> None:
        """Empty tickets and broker, the shipped promises, servers up, processes gone."""
        self.stop_processes()
        for server in (self.postgres, self.valkey):
            if not server.alive():
                server.restart()
        self.sql(
            """TRUNCATE tickets_ticket, tickets_ticketevent, tickets_ticketsearch, sla_clockevent,
                        triage_triagedecision, triage_triagebatch, workers_deadletter,
                        servers_server, servers_serverevent, servers_simulation, servers_delivery,
                        servers_incident, servers_storm, sla_channel CASCADE"""
        )
        self.sql("UPDATE sla_slapolicy SET enabled = false, is_default = false")
        self.sql(
            "UPDATE sla_slapolicy SET enabled = true, is_default = true WHERE id = %s",
            self.default_policy,
        )
        self.run_redis("FLUSHALL")

    def run_redis(self, *command: str) -> Any:
        import redis

        with redis.from_url(self.valkey.url) as client:
            return client.execute_command(*command)


def _rows(link: psycopg.Connection, query: str, given: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor = link.execute(query, given)
    return cursor.fetchall() if cursor.description else []
