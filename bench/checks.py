"""Checks of servers: how many a minute one core makes, against pages on this machine, and what they think it took."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.results import Result
from tests.live.desk import Desk

COUNT = 4000
BUDGET = 2000
#: Answers every request after 20 ms, in a process of its own.
_PAGES = """
import asyncio
async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    await asyncio.sleep(0.02)
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
#: Seconds of processor and of the wall for a run, after one that warms up, and what the checks measured.
_RUN = """
import json, time
from django.db import connection
from django.utils import timezone
from servers.models import Check, CheckResult, Server
from servers.services.checking import run_checks
names = [f"bench-{{n}}" for n in range({count})]
servers = Server.objects.bulk_create([Server(name=name, state="running") for name in names], 1000)
now, target = timezone.now(), {target!r}
Check.objects.bulk_create([Check(server=s, kind="http", target=target, next_at=now) for s in servers], 1000)
def timed():
    Check.objects.update(next_at=timezone.now())
    CheckResult.objects.all().delete()
    cpu, wall = time.process_time(), time.perf_counter()
    assert run_checks(now=timezone.now()) == {count}
    return time.process_time() - cpu, time.perf_counter() - wall
timed()
cpu, wall = timed()
with connection.cursor() as cursor:
    cursor.execute("SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY milliseconds) FROM servers_checkresult")
    [late] = cursor.fetchone()
assert not Check.objects.exclude(outcome="running").exists()
print(json.dumps([cpu, wall, late]))
"""


def measure(desk: Desk) -> list[Result]:
    with _pages() as port:
        desk.environment["CHECKS_ALLOW"] = "127.0.0.1"
        done = desk.run_python(_RUN.format(count=COUNT, target=f"http://127.0.0.1:{port}/health"))
    assert done.returncode == 0, done.stderr[-2000:]
    cpu, wall, late = json.loads(done.stdout.strip().splitlines()[-1])
    return [
        Result(
            "checks a minute for a core's time", COUNT / cpu * 60, "checks", 1, "budget", BUDGET
        ),
        Result("checks a minute, one worker", COUNT / wall * 60, "checks", 1, "budget", BUDGET),
        Result("answer of 20 ms as checks measure it, p99", late, "ms", 100, at_most=True),
    ]


@contextmanager
def _pages() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PAGES], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
