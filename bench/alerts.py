"""Intake of alerts: how many one web process accepts, and how many the workers group, a second."""

import json
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from statistics import median

from bench.results import Result
from tests.live.desk import Desk

CLIENTS = 64
SECONDS = 5.0
ROUNDS = 3
PROBLEMS = 500  # different keys

_MAKE = """
from servers.services.integrations import create_integration
print(create_integration(values={"name": "bench", "source": "generic", "rate_per_minute": 1_000_000})[1])
"""
_GROUPED = """
SELECT count(*) / extract(epoch FROM max(finished_at) - min(finished_at))
  FROM (SELECT finished_at, percent_rank() OVER (ORDER BY finished_at) AS share FROM servers_delivery)
 WHERE share >= 0.2
"""


def measure(desk: Desk) -> list[Result]:
    made = desk.run_python(_MAKE)
    assert made.returncode == 0, made.stderr
    path = f"/api/v1/intake/{made.stdout.strip()}/generic/"
    desk.start_web()
    accepted, grouped = [], []
    for _ in range(ROUNDS):
        accepted.append(_load(desk, path, "respond-async"))
        worker = desk.start_worker()
        desk.wait_for(lambda: _unfinished(desk) == 0, 120, "the alerts' tickets", step=0.5)
        grouped.append(float(desk.sql(_GROUPED)[0][0]))
        desk.kill_tree(worker)
        desk.sql("TRUNCATE servers_delivery")
    desk.start_worker()
    _load(desk, path, "")  # until it has started
    waited = [_load(desk, path, "") for _ in range(ROUNDS)]
    desk.reset()
    return [
        Result("alerts accepted, one web process", median(accepted), "alerts/s", 1000),
        Result("the same when all wait for the outcome", median(waited), "alerts/s", 200),
        Result("alerts grouped, two worker processes", median(grouped), "alerts/s", 1000),
    ]


def _unfinished(desk: Desk) -> int:
    return desk.count("SELECT count(*) FROM servers_delivery WHERE finished_at IS NULL")


def _load(desk: Desk, path: str, prefer: str) -> float:
    """Post alerts one by one over CLIENTS connections for SECONDS; how many a second were answered with 202."""
    counts = [0] * CLIENTS
    end = time.monotonic() + SECONDS

    def send(number: int) -> None:
        link = HTTPConnection("127.0.0.1", desk.port, timeout=30)
        headers = {"Content-Type": "application/json", "Prefer": prefer}
        while time.monotonic() < end:
            key = (counts[number] * CLIENTS + number) % PROBLEMS
            alert = {"summary": f"Disk {key} is full", "severity": "warning", "key": f"disk:{key}"}
            link.request("POST", path, json.dumps(alert), headers)
            answer = link.getresponse()
            answer.read()
            assert answer.status == 202, answer.status
            counts[number] += 1
        link.close()

    _all_at_once(send)
    return sum(counts) / SECONDS


def _all_at_once(send: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=send, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
