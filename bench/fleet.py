"""A tick of the simulation: what it costs with few servers and with many, by how much time goes by in it."""

import json
from statistics import median
from typing import Any

from bench.results import Result
from tests.live.desk import Desk

FEW, MANY = 10_000, 100_000
BUDGET_MS = 2000
#: Each tick is timed in a warm process like a worker's, after the hour in which the fleet boots.
_RUN = """
import json, time
from datetime import timedelta
from django.db import connection
from servers.models import Simulation
from servers.services.simulation import advance
now = Simulation.objects.get().until
def tick(seconds):
    global now
    now += timedelta(seconds=seconds)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    started = time.perf_counter()
    changes = advance(now=now).changes
    return time.perf_counter() - started, changes
for _ in range(6):
    tick(600)
with connection.cursor() as cursor:
    cursor.execute("VACUUM ANALYZE servers_server")
print(json.dumps({seconds: [tick(seconds) for _ in range(rounds)] for seconds, rounds in ((15, 21), (600, 7))}))
"""


def measure(desk: Desk) -> list[Result]:
    results = []
    for count in (FEW, MANY):
        desk.reset()
        desk.manage("fleet", "create", "--servers", str(count), "--seed", "7")
        print(f"{count:,} servers made", flush=True)
        for seconds, ticks in _run(desk).items():
            costs, changes = zip(*ticks, strict=True)
            name = f"fleet tick of {seconds} s, {count:,} servers, {median(changes):,.0f} changes"
            results.append(Result(name, median(costs) * 1000, "ms", BUDGET_MS, at_most=True))
            print(f"{name}: median {median(costs):.3f} s, longest {max(costs):.3f} s", flush=True)
    return results


def _run(desk: Desk) -> dict[str, Any]:
    done = desk.run_python(_RUN)
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer
