"""Checks with real processes: what a killed worker held is looked at again, and counts once."""

import socket
import subprocess
import threading

from tests.live.desk import Desk
from tests.sla.receivers import raw_server

SERVERS = 20


def start_io(desk: Desk) -> subprocess.Popen[bytes]:
    """A worker as `workers.queues` has it: threads."""
    return desk.spawn(
        "celery", "-q", "-A", "smartops", "worker", "-Q", "watch", "-P", "threads", "-c", "4",
        "--without-gossip", "--without-mingle", "-l", "WARNING", "-n", f"io{len(desk.processes)}@%h",
    )  # fmt: skip


def watch_servers(desk: Desk, url: str) -> None:
    """Servers that run, each with a check that fails it at once and is made once an hour."""
    desk.sql("TRUNCATE servers_server, servers_serverevent, servers_checkresult CASCADE")
    desk.environment["CHECKS_ALLOW"] = "127.0.0.1"
    done = desk.run_python(
        f"""
from django.utils import timezone
from servers.models import Server
from servers.services.checks import create_check
for number in range({SERVERS}):
    server = Server.objects.create(name=f"live-{{number}}", state="running")
    values = {{"server": server, "kind": "http", "target": {url!r}, "interval_seconds": 3600, "bad_in_a_row": 1}}
    create_check(values=values, now=timezone.now())
"""
    )
    assert done.returncode == 0, done.stderr


def test_checks_of_a_killed_worker_are_made_again_and_move_each_server_once(desk: Desk) -> None:
    asked, answering = threading.Semaphore(0), threading.Event()

    def talk(link: socket.socket) -> None:
        link.recv(65536)
        asked.release()
        if answering.wait(30):
            link.sendall(b"HTTP/1.1 503 Oh\r\nContent-Length: 0\r\n\r\n")

    with raw_server(talk) as url:
        watch_servers(desk, url)
        desk.start_beat()
        desk.start_beat()
        worker = start_io(desk)
        assert asked.acquire(timeout=30)
        desk.kill_tree(worker)
        answering.set()
        assert desk.count("SELECT count(*) FROM servers_check WHERE lease_token IS NOT NULL") > 0
        assert desk.count("SELECT count(*) FROM servers_checkresult") == 0
        desk.sql("UPDATE servers_check SET lease_until = now()")  # as after 90 seconds
        start_io(desk)
        start_io(desk)
        failed = "SELECT count(*) FROM servers_server WHERE state = 'failed'"
        desk.wait_for(lambda: desk.count(failed) == SERVERS, 40, "the checks")

    assert desk.count("SELECT count(*) FROM servers_checkresult") == SERVERS
    moves = desk.sql(
        'SELECT server_id, count(*), min(old), min("new") FROM servers_serverevent GROUP BY 1'
    )
    assert [(n, old, new) for _, n, old, new in moves] == [(1, "running", "failed")] * SERVERS
