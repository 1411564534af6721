"""A real standby: figures are read there, with its own age, and the primary takes over when it can't be asked."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

import psycopg
import pytest

from tests.live.desk import DIRECT, Desk
from tests.live.test_training_faults import start_reports
from tests.live.up import free_port

AWAY = "The read replica does not answer: figures are read from the primary."


class Standby:
    """A copy of the desk's database that follows it."""

    def __init__(self, desk: Desk) -> None:
        program, _, data, *rest = [str(word) for word in desk.postgres.process.args]  # type: ignore[union-attr]
        owner = Path(data).stat()
        self.options: dict[str, Any] = {
            "cwd": "/",
            "env": {"PATH": os.environ["PATH"], "TZ": "UTC"},
        }
        if os.geteuid() == 0:
            self.options |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        port = free_port()
        copy = Path(data).parent / f"standby-{port}"
        subprocess.run(
            [Path(program).parent / "pg_basebackup", "-d", desk.postgres.url, "-D", copy]
            + ["-R", "-X", "stream", "-c", "fast"],
            check=True,
            **self.options,
        )
        kept = [word for word in rest if not word.startswith("--port=")]
        self.command = [program, "-D", str(copy), *kept, f"--port={port}"]
        address = urlsplit(desk.postgres.url)
        login = f"{address.username}:{address.password}"
        self.url = address._replace(netloc=f"{login}@127.0.0.1:{port}").geturl()
        self.log = desk.root / "standby.log"
        self.start(desk)

    def start(self, desk: Desk) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, **self.options)
        desk.wait_for(self.answers, 30, "the standby")

    def answers(self) -> bool:
        try:
            return bool(self.sql("SELECT pg_is_in_recovery()")[0][0])
        except psycopg.OperationalError:
            return False

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as link:
            return link.execute(query).fetchall()

    def pause(self, desk: Desk) -> None:
        """It gets what is new and shows nothing of it."""
        self.sql("SELECT pg_wal_replay_pause()")
        state = "SELECT pg_get_wal_replay_pause_state()"
        desk.wait_for(lambda: self.sql(state) == [("paused",)], 30, "the pause")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


@pytest.fixture
def standby(desk: Desk) -> Iterator[Standby]:
    """The desk with a standby, at work."""
    desk.manage("rebuild_analytics")  # other tests' tickets were emptied away
    found = Standby(desk)
    desk.stop_web()
    desk.environment["DATABASE_REPLICA_URL"] = found.url
    try:
        desk.start()
        yield found
    finally:
        del desk.environment["DATABASE_REPLICA_URL"]
        desk.sql("DELETE FROM workers_heartbeat WHERE name = 'a test'")
        desk.stop_processes()
        desk.stop_web()
        found.stop()


def total(desk: Desk) -> int:
    status, answer = desk.get("/api/v1/analytics/summary/")
    assert status == 200
    return int(answer["total_tickets"])


def lines(desk: Desk) -> int:
    """Tickets in a streamed file."""
    request = Request(f"http://{desk.host}:{desk.port}/api/v1/reports/export/?format=csv")
    request.add_header("Authorization", f"Token {desk.token}")
    with DIRECT.open(request, timeout=30) as answer:
        return int(answer.read().count(b"\n")) - 1


def ask_for_export(desk: Desk) -> int:
    status, export = desk.post("/api/v1/reports/export/", {"format": "csv", "columns": ["id"]})
    assert status == 202, export
    return int(export["id"])


def doctor(desk: Desk) -> str:
    """What it says of the replica."""
    code = "from smartops.doctor.database import read_replica\nfor one in read_replica(): print(one.says)"
    return desk.run_python(code).stdout


def test_figures_come_from_the_standby_with_its_age_and_from_the_primary_without_it(
    desk: Desk, standby: Standby
) -> None:
    desk.wait_for(lambda: total(desk) == 1, 40, "the first ticket's figures")
    desk.wait_for(lambda: desk.get("/health")[1]["findings"] == [], 30, "a sound desk")

    standby.pause(desk)
    before = desk.get("/api/v1/analytics/summary/")[1]
    ids = desk.open(20)
    desk.wait_until_triaged()
    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM analytics_ticketfact") == 21, 30, "the primary"
    )
    late = desk.get("/api/v1/analytics/summary/")[1]

    assert (late["total_tickets"], lines(desk)) == (1, 1)
    assert late["as_of"] == before["as_of"]
    assert late["age_seconds"] > before["age_seconds"]
    assert desk.get(f"/api/v1/tickets/{ids[0]}/")[0] == 200

    standby.sql("SELECT pg_wal_replay_resume()")
    desk.wait_for(lambda: (total(desk), lines(desk)) == (21, 21), 30, "the standby's figures")

    standby.stop()
    assert (total(desk), lines(desk)) == (21, 21)
    desk.open(1)
    desk.wait_for(lambda: total(desk) == 22, 40, "the primary's figures")
    status, health = desk.get("/health")
    assert (status, health["status"], health["findings"]) == (200, "degraded", [AWAY])
    assert "does not answer" in doctor(desk)

    standby.start(desk)
    desk.wait_for(lambda: desk.get("/health")[1]["findings"] == [], 30, "a sound desk")
    assert "Figures are read from a replica" in doctor(desk)


def test_an_export_is_read_from_the_standby_if_that_has_all_there_was_when_it_was_asked_for(
    desk: Desk, standby: Standby
) -> None:
    first = ask_for_export(desk)
    there = f"SELECT count(*) FROM analytics_export WHERE id = {first}"
    desk.wait_for(lambda: standby.sql(there) == [(1,)], 30, "the export on the standby")
    standby.pause(desk)
    desk.open(20)
    second = ask_for_export(desk)

    start_reports(desk)

    done = "SELECT id, rows FROM analytics_export WHERE state = 'done' ORDER BY id"
    desk.wait_for(lambda: len(desk.sql(done)) == 2, 50, "the files")
    assert desk.sql(done) == [(first, 1), (second, 21)]
    standby.sql("SELECT pg_wal_replay_resume()")


def test_a_standby_that_is_far_behind_is_not_asked(desk: Desk, standby: Standby) -> None:
    desk.wait_for(lambda: total(desk) == 1, 40, "the first ticket's figures")
    standby.pause(desk)
    desk.sql("INSERT INTO workers_heartbeat VALUES ('a test', now() + interval '5 minutes')")
    desk.open(20)

    desk.wait_for(lambda: total(desk) == 21, 60, "the primary's figures")

    [finding] = desk.get("/health")[1]["findings"]
    assert "seconds behind: figures are read from the primary" in finding
    standby.sql("SELECT pg_wal_replay_resume()")
