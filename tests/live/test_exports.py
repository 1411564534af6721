"""Exports outlive their worker, and end with whoever wanted them."""

import http.client
import io
import signal
from typing import Any

import openpyxl
import pytest

from bench.lists import seed_tickets
from tests.live.desk import Desk
from tests.live.test_training_faults import start_reports

COUNT = 60_000
ASK, EXPORTS = "/api/v1/reports/export/", "/api/v1/exports/"


@pytest.fixture
def filled(desk: Desk) -> Any:
    """A desk with tickets enough for an export to take a while."""
    desk.sql("DELETE FROM analytics_export")
    desk.start_web()
    seed_tickets(desk, COUNT)
    yield desk
    desk.stop_processes()
    desk.sql("DELETE FROM analytics_exportpiece")
    desk.sql("DELETE FROM analytics_export")


def ask(desk: Desk, **wanted: Any) -> int:
    status, export = desk.post(ASK, {"format": "xlsx", **wanted})
    assert status == 202, export
    return int(export["id"])


def shown(desk: Desk, pk: int) -> Any:
    return desk.get(f"{EXPORTS}{pk}/")[1]


def copies(desk: Desk) -> int:
    return desk.count(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (%%'"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


def wait_until_it_runs(desk: Desk) -> None:
    """Its query is read more slowly than the database answers, so it is seen however quick both are."""
    desk.wait_for(lambda: copies(desk) == 1, 60, "the middle of an export", step=0.01)


def test_a_worker_killed_in_the_middle_leaves_one_whole_file(filled: Desk) -> None:
    filled.start_beat()
    filled.start_worker()
    worker = start_reports(filled)
    pk = ask(filled, columns=["id", "title", "description", "opened_at", "status"])
    wait_until_it_runs(filled)

    filled.kill_tree(worker)
    assert shown(filled, pk)["status"] == "running"
    start_reports(filled)

    filled.wait_for(lambda: shown(filled, pk)["status"] == "done", 120, "the end of the export")
    export = shown(filled, pk)
    assert (export["rows"], export["total"]) == (COUNT, COUNT)
    assert filled.sql("SELECT attempts FROM analytics_export") == [(2,)]
    pieces = filled.sql(
        "SELECT export_id, count(*), max(number) + 1, sum(length(data))"
        "  FROM analytics_exportpiece GROUP BY 1"
    )
    [(owner, count, numbered, size)] = pieces
    assert (owner, count, size) == (pk, numbered, export["bytes"])
    data = fetch(filled, export["download"])
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    assert sum(1 for _ in book["Tickets 1"].iter_rows()) == COUNT + 1


def test_a_worker_that_is_stopped_gives_its_export_back_with_its_attempt(filled: Desk) -> None:
    worker = start_reports(filled)
    pk = ask(filled)
    wait_until_it_runs(filled)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(20) == 0  # it does not go on with what it has given back
    assert shown(filled, pk)["status"] == "queued"
    assert filled.sql("SELECT attempts FROM analytics_export") == [(0,)]
    assert filled.sql("SELECT count(*) FROM analytics_exportpiece") == [(0,)]


def fetch(desk: Desk, address: str) -> bytes:
    """Without a login: the link is enough."""
    link = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=30)
    link.request("GET", address.partition(f":{desk.port}")[2])
    answer = link.getresponse()
    assert answer.status == 200
    data = answer.read()
    link.close()
    return data


def test_a_cancelled_export_leaves_its_worker_within_seconds(filled: Desk) -> None:
    start_reports(filled)
    pk = ask(filled)
    wait_until_it_runs(filled)

    status, export = filled.post(f"{EXPORTS}{pk}/cancel/", {})

    assert (status, export["status"]) == (200, "cancelled")
    filled.wait_for(lambda: copies(filled) == 0, 4, "the end of its query")
    second = ask(filled, format="csv", columns=["id"])
    filled.wait_for(lambda: shown(filled, second)["status"] == "done", 20, "the next one")
    assert filled.sql("SELECT DISTINCT export_id FROM analytics_exportpiece") == [(second,)]


def test_a_client_that_goes_away_ends_its_stream(filled: Desk) -> None:
    link = http.client.HTTPConnection("127.0.0.1", filled.port, timeout=30)
    headers = {"Authorization": f"Token {filled.token}"}
    link.request("GET", f"{ASK}?format=ndjson", headers=headers)
    answer = link.getresponse()
    assert answer.read(1000).startswith(b'{"id":')
    assert copies(filled) == 1

    answer.close()
    link.close()

    filled.wait_for(lambda: copies(filled) == 0, 10, "the end of the query")
    assert filled.get("/health/ready")[0] == 200
