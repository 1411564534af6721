"""A backup in the middle of work, restored into an empty database: the same rows, and the work goes on."""

import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.live.desk import BASE, Desk
from tests.live.test_notifications import ALLOWED, queue_test, start_io, state
from tests.sla.receivers import receiver

ASIDE = "SELECT 1 FROM pg_namespace WHERE nspname = 'before_restore'"


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


@contextmanager
def in_the_middle(desk: Desk, path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A restore that stands still while the old tables are aside."""
    command = [sys.executable, "manage.py", "restore", "--replace", "--connected", str(path)]
    with (
        psycopg.connect(desk.postgres.url, autocommit=True) as link,
        subprocess.Popen(
            command, cwd=BASE, env=desk.environment, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        while not link.execute(ASIDE).fetchone():
            assert process.poll() is None
        process.send_signal(signal.SIGSTOP)
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def held(desk: Desk, tmp_path: Path) -> tuple[Path, dict[str, tuple[int, str]]]:
    """A backup, and what the desk holds that has gone on since."""
    desk.stop_web()
    desk.sql("DELETE FROM workers_heartbeat WHERE name = 'since'")
    path = tmp_path / "desk.backup"
    assert manage(desk, "backup", str(path)).returncode == 0
    desk.sql(
        "INSERT INTO workers_heartbeat (name, beat_at) VALUES ('since', now()) ON CONFLICT DO NOTHING"
    )
    return path, contents(desk.postgres.url)


def test_a_restore_that_is_stopped_leaves_everything_as_it_was(
    desk: Desk, held: tuple[Path, dict[str, tuple[int, str]]]
) -> None:
    path, before = held
    with in_the_middle(desk, path) as process:
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=60)

    assert process.returncode == 128 + signal.SIGTERM
    assert "Stopped. Nothing was changed." in said
    assert contents(desk.postgres.url) == before
    assert desk.sql(ASIDE) == []


def test_a_restore_that_is_stopped_when_nothing_leads_back_says_that_it_is_done(
    desk: Desk, held: tuple[Path, dict[str, tuple[int, str]]]
) -> None:
    path, _ = held
    dropping = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE starts_with(query, 'DROP SCHEMA') AND wait_event_type = 'Lock'"
    )
    with in_the_middle(desk, path) as process, psycopg.connect(desk.postgres.url) as holder:
        holder.execute("SELECT 1 FROM before_restore.tickets_ticket")
        process.send_signal(signal.SIGCONT)
        desk.wait_for(lambda: bool(desk.sql(dropping)), 60, "the removal of what was there before")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)

    desk.sql("DROP SCHEMA before_restore CASCADE")

    assert process.returncode == 1
    assert "The backup is restored." in said
    assert "Nothing was changed" not in said


def test_a_restore_that_is_killed_is_named_and_put_back_by_the_next(
    desk: Desk, held: tuple[Path, dict[str, tuple[int, str]]], tmp_path: Path
) -> None:
    path, before = held
    with in_the_middle(desk, path) as process:
        process.kill()
        process.wait()
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'pg_restore'"
    )
    desk.wait_for(lambda: desk.count(others) == 0, 30, "the end of pg_restore")
    assert desk.sql(ASIDE) == [(1,)]
    assert "A restore was broken off" in manage(desk, "doctor").stdout

    (tmp_path / "letter").write_text("Dear backup")
    refused = manage(desk, "restore", "--replace", str(tmp_path / "letter"))
    assert "cannot be read as a backup" in refused.stderr
    assert desk.sql(ASIDE) == [(1,)]
    done = manage(desk, "restore", "--replace", str(path))

    assert done.returncode == 0, done.stderr
    assert desk.sql(ASIDE) == []
    assert desk.sql("SELECT 1 FROM workers_heartbeat WHERE name = 'since'") == []
    assert set(contents(desk.postgres.url)) == set(before)


def test_an_error_of_the_database_is_told_with_the_state_it_leaves(
    desk: Desk, held: tuple[Path, dict[str, tuple[int, str]]]
) -> None:
    path, before = held
    away = urlsplit(desk.postgres.url)._replace(netloc="somebody@127.0.0.1:1").geturl()
    refused = manage(desk, "restore", "--replace", str(path), DATABASE_URL=away)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "The database does not answer" in refused.stderr

    desk.sql("DROP ROLE IF EXISTS guest")
    desk.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    desk.sql("GRANT pg_read_all_data TO guest")
    try:
        guest = urlsplit(desk.postgres.url)
        netloc = f"guest:guest@{guest.netloc.rpartition('@')[2]}"
        refused = manage(
            desk,
            *("restore", "--replace", "--connected", str(path)),
            DATABASE_URL=guest._replace(netloc=netloc).geturl(),
        )
        assert refused.returncode == 1
        assert "must be owner of schema public. Nothing was changed." in refused.stderr
        assert contents(desk.postgres.url) == before
    finally:
        desk.sql("DROP OWNED BY guest")
        desk.sql("DROP ROLE guest")


def test_a_backup_leaves_the_files_of_exports_out(desk: Desk, empty: str, tmp_path: Path) -> None:
    path = tmp_path / "desk.backup"
    [(person,)] = desk.sql("SELECT min(id) FROM auth_user")
    [(pk,)] = desk.sql(
        """INSERT INTO analytics_export (state, attempts, nudges, request_id, error, owner_id, format, filters,
                                         columns, rows, size, hidden_departments, finished_at, expires_at)
           VALUES ('done', 1, 0, '', '', %s, 'csv', '{}', '{}', 1, 3, '{}', now(), now() + interval '7 days')
           RETURNING id""",
        person,
    )
    desk.sql(
        "INSERT INTO analytics_exportpiece (export_id, number, data) VALUES (%s, 0, 'a,b')", pk
    )
    try:
        assert manage(desk, "backup", str(path)).returncode == 0
        came = manage(desk, "restore", str(path), DATABASE_URL=empty)

        assert came.returncode == 0, came.stderr
        assert "Backups hold no files of exports: 1 has expired." in came.stdout
        with psycopg.connect(empty) as link:
            assert link.execute("SELECT count(*) FROM analytics_exportpiece").fetchone() == (0,)
            row = link.execute(
                "SELECT removed_at IS NULL FROM analytics_export WHERE id = %s", [pk]
            )
            assert row.fetchone() == (False,)
    finally:
        desk.sql("DELETE FROM analytics_exportpiece")
        desk.sql("DELETE FROM analytics_export")
