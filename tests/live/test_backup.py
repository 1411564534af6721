"""A backup in the middle of work, restored into an empty database: the same rows, and the work goes on."""

import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.live.desk import BASE, Desk
from tests.live.test_notifications import ALLOWED, queue_test, start_io, state
from tests.sla.receivers import receiver


def manage(desk: Desk, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE,
        env={**desk.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def contents(url: str) -> dict[str, tuple[int, str]]:
    """Every table's number of rows and the sum of what stands in them."""
    found = {}
    with psycopg.connect(url) as link:
        names = link.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (name,) in names:
            query = sql.SQL(
                "SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM {} t"
            ).format(sql.Identifier(name))
            [row] = link.execute(query).fetchall()
            found[name] = row
    return found


@pytest.fixture
def empty(desk: Desk) -> Iterator[str]:
    """Another database of the same server."""
    desk.sql("DROP DATABASE IF EXISTS restored WITH (FORCE)")
    desk.sql("CREATE DATABASE restored")
    yield urlsplit(desk.postgres.url)._replace(path="/restored").geturl()
    desk.stop_processes()
    desk.sql("DROP DATABASE restored WITH (FORCE)")


def test_a_restored_desk_has_every_row_and_finishes_the_work_that_waited(
    desk: Desk, empty: str, tmp_path: Path
) -> None:
    worker = desk.start()
    desk.environment |= ALLOWED
    with receiver() as there:
        io = start_io(desk)
        sent = queue_test(desk, "told", there.url)
        desk.wait_for(lambda: state(desk, sent) == ("sent", 1), 20, "the message")
        desk.kill_tree(io)
        waiting = queue_test(desk, "waits", there.url)
        ids = desk.open(300, "SLOW network")
        running = "SELECT count(*) FROM triage_triagejob WHERE state = 'running'"
        desk.wait_for(lambda: desk.count(running) > 0, 20, "a claim")
        desk.stop_processes()  # killed in the middle of a chunk
        assert worker.poll() is not None
        assert desk.unfinished() > 0
        path = tmp_path / "desk.backup"

        made = manage(desk, "backup", str(path))
        assert made.returncode == 0, made.stderr
        before = contents(desk.postgres.url)
        came = manage(desk, "restore", str(path), DATABASE_URL=empty)

        assert came.returncode == 0, came.stderr
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert contents(empty) == before
        assert len(before) > 40

        original = desk.postgres.url
        desk.run_redis("FLUSHALL")  # the broker was lost, too
        desk.environment["DATABASE_URL"] = desk.postgres.url = empty
        try:
            for table in ("sla_channel", "sla_notification"):  # as after 90 seconds
                desk.sql(f"UPDATE {table} SET lease_until = now() WHERE lease_until IS NOT NULL")
            desk.start_worker()
            desk.start_beat()
            start_io(desk)
            desk.wait_until_triaged(60)
            desk.wait_for(lambda: state(desk, waiting)[0] == "sent", 30, "the message that waited")

            desk.assert_each_has_exactly_one_result(ids)
            told = [request.headers["webhook-id"] for request in there.requests]
            assert sorted(told) == sorted({f"msg_{sent}", f"msg_{waiting}"})
        finally:
            desk.stop_processes()
            desk.environment["DATABASE_URL"] = desk.postgres.url = original


def test_a_backup_is_one_moment_while_the_desk_goes_on(
    desk: Desk, empty: str, tmp_path: Path
) -> None:
    desk.start()
    path = tmp_path / "desk.backup"
    with subprocess.Popen(
        [sys.executable, "manage.py", "backup", str(path)], cwd=BASE, env=desk.environment
    ) as process:
        while process.poll() is None:
            desk.open(50)
    assert process.returncode == 0

    came = manage(desk, "restore", str(path), DATABASE_URL=empty)

    assert came.returncode == 0, came.stderr  # the rows are as many as the manifest counted
    with psycopg.connect(empty) as link:
        orphans = link.execute(
            """SELECT count(*) FROM tickets_ticket t
                WHERE NOT EXISTS (SELECT FROM triage_triagejob j WHERE j.ticket_id = t.id)
                   OR NOT EXISTS (SELECT FROM tickets_ticketevent e WHERE e.ticket_id = t.id)"""
        ).fetchone()
    assert orphans == (0,)


def test_a_desk_in_use_is_replaced_only_when_one_says_so(desk: Desk, tmp_path: Path) -> None:
    desk.stop_web()  # another test's
    path = tmp_path / "desk.backup"
    assert manage(desk, "backup", str(path)).returncode == 0
    again = manage(desk, "backup", str(path))
    assert "is there already" in again.stderr
    before = contents(desk.postgres.url)
    desk.sql(
        "INSERT INTO workers_heartbeat (name, beat_at) VALUES ('later', now()) ON CONFLICT DO NOTHING"
    )

    refused = manage(desk, "restore", str(path))
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    with psycopg.connect(desk.postgres.url):  # somebody else
        refused = manage(desk, "restore", str(path), "--replace")
    assert "other connection goes to this database" in refused.stderr
    done = manage(desk, "restore", str(path), "--replace")

    assert done.returncode == 0, done.stderr
    assert contents(desk.postgres.url) == before
    assert desk.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'before_restore'") == []


def test_a_damaged_backup_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "desk.backup"
    if desk.web is not None:
        desk.kill_tree(desk.web)
        desk.web = None
    assert manage(desk, "backup", str(path)).returncode == 0
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 5000):
        data[place] ^= 0xFF
    path.write_bytes(bytes(data))
    before = contents(desk.postgres.url)

    refused = manage(desk, "restore", str(path), "--replace")

    assert refused.returncode == 1
    assert "Nothing was changed" in refused.stderr
    assert contents(desk.postgres.url) == before


def test_another_key_and_another_version_are_named(desk: Desk, empty: str, tmp_path: Path) -> None:
    path = tmp_path / "desk.backup"
    assert manage(desk, "backup", str(path)).returncode == 0

    came = manage(desk, "restore", str(path), DATABASE_URL=empty, SECRET_KEY="other" * 10)
    assert came.returncode == 0, came.stderr
    assert "another SECRET_KEY" in came.stdout

    newer = tmp_path / "newer.backup"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(newer, "w") as new:
        text = old.read("manifest.json").replace(b'"tickets.0001', b'"tickets.9999', 1)
        new.writestr("manifest.json", text)
        new.writestr("database.dump", old.read("database.dump"))
    refused = manage(desk, "restore", str(newer), "--replace", DATABASE_URL=empty)
    assert refused.returncode == 1
    assert "does not know (tickets.9999" in refused.stderr

    (tmp_path / "letter").write_text("Dear backup")
    refused = manage(desk, "restore", str(tmp_path / "letter"), DATABASE_URL=empty)
    assert "cannot be read as a backup" in refused.stderr
