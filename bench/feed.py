"""The live feed: how long an alert takes from its commit to the last of 1,000 clients of one web process."""

import asyncio
import json
import resource
import time
from pathlib import Path
from statistics import median
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from bench.results import Result
from tests.live.alerts import Watch
from tests.live.desk import Desk

MANY, FEW = 1000, 10
ROUNDS = 3


def measure(desk: Desk) -> list[Result]:
    _allow_files(4 * MANY)
    process = desk.start_web()
    watch = Watch(desk)
    few, _ = asyncio.run(_measure(desk, watch, FEW, process.pid))
    many, memory = asyncio.run(_measure(desk, watch, MANY, process.pid))
    desk.reset()
    return [
        Result(
            f"alert, from its commit to the last of {MANY:,} sockets",
            many * 1000,
            "ms",
            50,
            f"to the last of {FEW}",
            few * 1000,
            at_most=True,
        ),
        Result("memory of an open socket", memory / MANY, "KB", 100, at_most=True),
    ]


async def _measure(desk: Desk, watch: Watch, count: int, pid: int) -> tuple[float, int]:
    """Seconds, the median of some rounds, and how many KB the web process grew by."""
    before = _kilobytes(pid)
    address = f"ws://127.0.0.1:{desk.port}/ws/alerts"
    headers = {"Authorization": f"Token {desk.token}"}
    options: dict[str, Any] = {"additional_headers": headers, "compression": None, "proxy": None}
    clients: list[ClientConnection] = []
    for _ in range(count // 10):  # as many at once as a listening socket holds without a loss
        clients += await asyncio.gather(*(connect(address, **options) for _ in range(10)))
    await asyncio.gather(*(client.recv() for client in clients))  # hello
    grown = _kilobytes(pid) - before
    times = []
    for _ in range(ROUNDS):
        await asyncio.sleep(1)
        waiting = [asyncio.create_task(_alert(client)) for client in clients]
        await asyncio.sleep(0)
        [pk] = await asyncio.to_thread(lambda: watch.escalate(nudge=False))
        committed = time.monotonic()
        await asyncio.to_thread(desk.run_redis, "PUBLISH", "smartops:alerts", "")
        assert set(await asyncio.gather(*waiting)) == {pk}
        times.append(time.monotonic() - committed)
    await asyncio.gather(*(client.close() for client in clients))
    return median(times), grown


async def _alert(client: ClientConnection) -> int:
    while True:
        message = json.loads(await client.recv())
        if message["type"] == "alert":
            return int(message["id"])


def _kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise AssertionError("no Pss")


def _allow_files(count: int) -> None:
    """Each socket is an open file, here and in the web process, which inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
