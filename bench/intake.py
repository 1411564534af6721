"""Bulk intake, single POSTs, and how long a ticket waits for its triage."""

import http.client
import json
import threading
import time
from statistics import median

from bench.results import Result, percentile
from bench.throughput import start_workers, tickets
from tests.live.desk import Desk

ROUNDS = 4
SECONDS = 5.0
CLIENTS = 6


def measure(desk: Desk) -> list[Result]:
    desk.start_web()
    rows = json.loads(tickets(desk, 5000))
    bulk = _bulk(desk, rows)
    desk.reset()
    desk.start_web()
    # In turns, for the same reason as triage and its peer.
    rates, tails = [], []
    for _ in range(ROUNDS):
        rates.append(_load(desk, rows, CLIENTS, None)[0])
        _, times = _load(desk, rows, CLIENTS, rates[-1] / 2)
        tails.append(percentile(times, 0.95) * 1000)
    rate = median(rates)
    desk.reset()
    desk.start_web()
    start_workers(desk)
    desk.open(3)
    desk.wait_until_triaged()
    idle = _until_triaged(desk, rows, pause=0.05)
    busy = threading.Thread(target=_load, args=(desk, rows, 3, rate / 4), kwargs={"seconds": 12.0})
    busy.start()
    time.sleep(2)
    loaded = _until_triaged(desk, rows, pause=0.05, count=60)
    busy.join()
    desk.reset()
    return [
        Result("bulk intake, batches of 5,000", bulk, "tickets/s", 5000),
        Result("single POST, one web process", rate, "requests/s", 300),
        Result(
            "single POST at half that load, p95",
            median(tails),
            "ms",
            25,
            at_most=True,
        ),
        Result(
            "POST to triaged, idle, p95", percentile(idle, 0.95) * 1000, "ms", 150, at_most=True
        ),
        Result(
            "POST to triaged, under load, p95",
            percentile(loaded, 0.95) * 1000,
            "ms",
            1000,
            at_most=True,
        ),
    ]


def _bulk(desk: Desk, rows: list[dict[str, str]]) -> float:
    desk.post("/api/v1/tickets/batch/", rows[:100])
    started = time.monotonic()
    for _ in range(ROUNDS):
        status, answer = desk.post("/api/v1/tickets/batch/", rows)
        assert status == 207, answer
    return ROUNDS * len(rows) / (time.monotonic() - started)


def _load(
    desk: Desk,
    rows: list[dict[str, str]],
    clients: int,
    rate: float | None,
    seconds: float = SECONDS,
) -> tuple[float, list[float]]:
    """Post for `seconds` with `clients` connections, at `rate` requests a second in all or as fast as it goes."""
    times: list[float] = []
    end = time.monotonic() + seconds

    def send(number: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=30)
        headers = {"Authorization": f"Token {desk.token}", "Content-Type": "application/json"}
        turn = time.monotonic() + number / clients * (clients / rate if rate else 0)
        while time.monotonic() < end:
            if rate:
                time.sleep(max(0.0, turn - time.monotonic()))
                turn += clients / rate
            started = time.monotonic()
            link.request(
                "POST", "/api/v1/tickets/", json.dumps(rows[len(times) % len(rows)]), headers
            )
            answer = link.getresponse()
            answer.read()
            assert answer.status == 201
            times.append(time.monotonic() - started)
        link.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(times) / seconds, times


def _until_triaged(
    desk: Desk, rows: list[dict[str, str]], *, pause: float, count: int = 100
) -> list[float]:
    """Seconds from sending the POST to the committed decision, by the database's clock for the end."""
    times = []
    for number in range(count):
        [(before,)] = desk.sql("SELECT extract(epoch FROM clock_timestamp())::float8")
        _, ticket = desk.post("/api/v1/tickets/", rows[number])
        desk.wait_for(lambda: _decided(desk, ticket["id"]) is not None, 30, "triage", step=0.01)  # noqa: B023
        times.append(_decided(desk, ticket["id"]) - before)
        time.sleep(pause)
    return times


def _decided(desk: Desk, pk: int) -> float:
    rows = desk.sql(
        "SELECT extract(epoch FROM finished_at)::float8 FROM triage_triagejob WHERE ticket_id = %s AND state = 'done'",
        pk,
    )
    return rows[0][0] if rows else None  # type: ignore[return-value]
