"""What a worker tells of its tasks: all its processes together, whatever dies."""

import os
import re
import signal
import subprocess
from pathlib import Path
from urllib.error import HTTPError

import pytest

from smartops.embedded import kept_port
from tests.live.desk import DIRECT, Desk

TICKS = 'smartops_tasks_total{outcome="succeeded",task="workers.beat_tick"}'
SLOWLY = """
import time
from celery import current_app
for _ in range({count}):
    current_app.send_task("workers.beat_tick")
"""


def start(desk: Desk, **environment: str) -> tuple[subprocess.Popen[bytes], int]:
    """A worker with two processes that tells its metrics. Returns its port, too."""
    port = kept_port(desk.root / "metrics-port")
    worker = desk.start_worker(
        WORKER_METRICS_PORT=str(port), WORKER_METRICS_HOST="127.0.0.1", **environment
    )
    desk.wait_for(lambda: told(desk, port) != {}, 30, "metrics of the worker")
    return worker, port


def told(desk: Desk, port: int) -> dict[str, float]:
    try:
        text = desk.metrics(port)
    except OSError:
        return {}
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def send(desk: Desk, count: int) -> None:
    done = desk.run_python(SLOWLY.format(count=count))
    assert done.returncode == 0, done.stderr


def children(worker: subprocess.Popen[bytes]) -> set[int]:
    return {
        int(pid)
        for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    }


def files(desk: Desk, port: int) -> list[str]:
    folder = desk.root / "var" / "run" / f"worker-metrics-{port}"
    return sorted(path.name for path in folder.iterdir())


def test_tasks_of_all_processes_are_counted_and_a_killed_one_takes_nothing_along(
    desk: Desk,
) -> None:
    worker, port = start(desk)
    send(desk, 200)
    desk.wait_for(lambda: told(desk, port).get(TICKS, 0) >= 200, 30, "200 ticks")
    found = told(desk, port)
    assert found[TICKS] == 200
    assert found['smartops_task_duration_seconds_count{task="workers.beat_tick"}'] == 200
    assert found['smartops_task_wait_seconds_count{queue="default"}'] == 200
    assert 0 < found['smartops_task_wait_seconds_sum{queue="default"}'] < 200 * 30
    assert {name for name in files(desk, port) if name.startswith("counter")} >= {
        "counter_0.db",
        "counter_1.db",
    }

    for _ in range(2):
        before = children(worker)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        desk.wait_for(
            lambda before=before: len(children(worker) - before) == 2, 20, "new processes"
        )
    assert told(desk, port)[TICKS] == 200
    send(desk, 100)
    desk.wait_for(lambda: told(desk, port).get(TICKS, 0) >= 300, 30, "100 more")

    assert told(desk, port)[TICKS] == 300
    places = {re.sub(r".*_(\w+)\.db", r"\1", name) for name in files(desk, port)}
    assert places <= {"0", "1", "main"}


def test_a_task_that_killed_its_process_is_counted_as_lost(desk: Desk) -> None:
    _, port = start(desk)
    desk.start_web()
    desk.open(1, "POISON")

    lost = 'smartops_tasks_total{outcome="lost",task="triage.run_jobs"}'
    desk.wait_for(lambda: told(desk, port).get(lost, 0) >= 1, 30, "the loss")


def test_a_new_worker_begins_at_zero(desk: Desk) -> None:
    worker, port = start(desk)
    send(desk, 10)
    desk.wait_for(lambda: told(desk, port).get(TICKS, 0) == 10, 30, "10 ticks")
    desk.kill_tree(worker)

    start(desk)
    send(desk, 5)
    desk.wait_for(lambda: told(desk, port).get(TICKS, 0) >= 5, 30, "5 ticks")

    assert told(desk, port)[TICKS] == 5


def test_without_the_token_it_tells_nothing(desk: Desk) -> None:
    _, port = start(desk)

    with pytest.raises(HTTPError) as refused:
        DIRECT.open(f"http://127.0.0.1:{port}/metrics", timeout=5)

    with refused.value as answer:
        assert answer.code == 401


def test_a_worker_that_waits_with_threads_counts_as_well(desk: Desk) -> None:
    port = kept_port(desk.root / "metrics-port")
    desk.spawn(
        *("smartops.lean", "-q", "-A", "smartops", "worker", "-P", "threads", "-c", "4"),
        *("-Q", "default", "--without-gossip", "--without-mingle", "-n", "threads@%h"),
        WORKER_METRICS_PORT=str(port),
        WORKER_METRICS_HOST="127.0.0.1",
    )
    desk.wait_for(lambda: told(desk, port) != {}, 30, "metrics of the worker")
    send(desk, 100)
    desk.wait_for(lambda: told(desk, port).get(TICKS, 0) >= 100, 30, "100 ticks")

    assert told(desk, port)[TICKS] == 100
    assert files(desk, port)


def test_a_task_that_is_killed_at_its_time_limit_is_lost_once_and_done_afterwards(
    desk: Desk,
) -> None:
    lost = 'smartops_tasks_total{outcome="lost",task="triage.run_jobs"}'
    desk.start_web()
    desk.start_beat()
    worker, port = start(desk, TASK_TIME_LIMIT_SECONDS="2")
    before = children(worker)

    ids = desk.open(1, "STUCK")

    desk.wait_for(lambda: told(desk, port).get(lost, 0) > 0, 30, "the lost task")
    desk.wait_until_triaged()
    desk.assert_each_has_exactly_one_result(ids)
    assert told(desk, port)[lost] == 1
    desk.wait_for(lambda: children(worker) != before, 15, "another process in its place")
    assert worker.poll() is None
