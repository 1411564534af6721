"""Streamed exports: how quick they are, and that a million rows need no more memory than a fifth of them."""

import http.client
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from bench.lists import seed_tickets
from bench.results import Result
from tests.live.desk import Desk

#: The newest ticket that `seed_tickets` makes is this old, and each next one half a minute older.
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
APART = timedelta(seconds=30)
ROWS_A_SECOND = 50_000
EXPORT = "/api/v1/reports/export/"


def measure(desk: Desk, count: int) -> list[Result]:
    seed_tickets(desk, count)
    desk.sql("CHECKPOINT")
    web = desk.start_web().pid
    fifth = count // 5
    since = quote((NEWEST - (fifth + 0.5) * APART).isoformat())
    _rows(desk, f"{EXPORT}?columns=id&opened_after={since}")  # the code is loaded
    results, peaks = [], {}
    for name, query in (("CSV", ""), ("JSON lines", "?format=ndjson")):
        few = f"{query}&opened_after={since}" if query else f"?opened_after={since}"
        _forget_peak(web)
        assert _rows(desk, EXPORT + few)[0] == fifth
        peaks[name, fifth] = _peak(web)
        _forget_peak(web)
        rows, seconds = _rows(desk, EXPORT + query)
        assert rows == count
        peaks[name, count] = _peak(web)
        results.append(
            Result(f"streamed {name}, {count:,} tickets", rows / seconds, "rows/s", ROWS_A_SECOND)
        )
        results.append(
            Result(
                f"web's peak memory, {name} of {count:,} tickets",
                peaks[name, count],
                "MB",
                1.1,
                peer=f"of {fifth:,}",
                peer_value=peaks[name, fifth],
                at_most=True,
            )
        )
    return results


def _rows(desk: Desk, path: str) -> tuple[int, float]:
    """Return how many tickets came, and in how many seconds. No seeded text has a line end."""
    link = http.client.HTTPConnection("127.0.0.1", desk.port, timeout=300)
    started, rows = time.monotonic(), 0
    link.request("GET", path, headers={"Authorization": f"Token {desk.token}"})
    answer = link.getresponse()
    assert answer.status == 200, answer.read()
    while block := answer.read(256 * 1024):
        rows += block.count(b"\n")
    seconds = time.monotonic() - started
    link.close()
    return rows - ("ndjson" not in path), seconds


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid: int) -> float:
    """The most memory of the process since then, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
