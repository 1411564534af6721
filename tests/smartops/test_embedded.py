"""The embedded servers keep their data whatever happens to them."""

import os
import signal
import socket
from pathlib import Path

import psycopg
import pytest
import redis

from smartops import embedded


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    return tmp_path


def test_postgres_keeps_its_data_and_its_port_when_it_is_killed(root: Path) -> None:
    server = embedded.start_postgres(root / "pg")
    try:
        with psycopg.connect(server.url, autocommit=True) as link:
            link.execute("CREATE TABLE kept AS SELECT 7 AS number")
            assert link.execute("SHOW synchronous_commit").fetchone() == ("on",)
            assert link.execute("SELECT to_tsvector('english', 'printers')::text").fetchone() == (
                "'printer':1",
            )
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        url = server.url
        server.restart()
        with psycopg.connect(url) as link:
            assert link.execute("SELECT number FROM kept").fetchone() == (7,)
    finally:
        server.stop()


def test_an_orphan_of_a_killed_run_is_stopped_before_its_data_is_opened_again(root: Path) -> None:
    orphan = embedded.start_valkey(root / "valkey")
    with redis.from_url(orphan.url) as client:
        client.set("kept", "7")

    server = embedded.start_valkey(root / "valkey")
    try:
        orphan.process.wait(10)
        with redis.from_url(server.url) as client:
            assert client.get("kept") == b"7"
    finally:
        server.stop()


def test_strangers_are_not_let_in(root: Path) -> None:
    server = embedded.start_valkey(root / "valkey")
    try:
        port = server.url.rsplit(":", 1)[1].split("/")[0]
        with (
            redis.from_url(f"redis://127.0.0.1:{port}/0") as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.get("x")
        assert (root / "valkey" / "password").stat().st_mode & 0o077 == 0
        with socket.socket() as other, pytest.raises(OSError, match="."):
            other.bind(("127.0.0.1", int(port)))
    finally:
        server.stop()


def test_a_server_that_cannot_start_says_why(root: Path) -> None:
    (root / "valkey").mkdir()
    (root / "valkey" / "appendonlydir").write_text("in the way")

    with pytest.raises(embedded.NotStarted, match="Valkey did not come up"):
        embedded.start_valkey(root / "valkey")


def test_other_processes_find_a_running_stack_and_not_a_dead_one(root: Path) -> None:
    embedded.announce_services(root, {"REDIS_URL": "redis://x"})
    assert embedded.running_services(root) == {"REDIS_URL": "redis://x"}
    assert (root / "run" / "services.json").stat().st_mode & 0o077 == 0

    record = root / "run" / "services.json"
    record.write_text(record.read_text().replace(str(os.getpid()), "999999999"))
    assert embedded.running_services(root) == {}
