"""Triage, from accepted to decided, against the rate at which the same workers run empty Celery tasks."""

import json
import time
from collections.abc import Callable

import psycopg
import redis

from bench.results import Result
from tests.live.desk import UNFINISHED, Desk

TASKS = 4000
TICKETS = 20_000
POLL = 0.1  # seconds

_SEND = """
import bench.empty_app
from celery import current_app
with current_app.producer_pool.acquire(block=True) as producer:
    for _ in range({count}):
        current_app.send_task("bench.empty", queue="triage", producer=producer, retry=False)
"""
_CORPUS = """
import json, random, sys
from triage.classifier.dataset import load_corpus
chance = random.Random(1)
texts = load_corpus()
print(json.dumps([
    {{"title": t.title or t.description[:60], "description": t.description}} for t in chance.choices(texts, k={count})
]))
"""


def start_workers(desk: Desk) -> None:
    """One worker with two processes, as the embedded stack runs it."""
    desk.spawn(
        "celery", "-q", "-A", "bench.empty_app", "worker", "-Q", "default,triage", "-c", "2",
        "--without-gossip", "--without-mingle", "-l", "ERROR", "-n", f"bench{len(desk.processes)}@%h",
    )  # fmt: skip


def tickets(desk: Desk, count: int) -> str:
    """`count` tickets with texts of the corpus, as JSON."""
    done = desk.run_python(_CORPUS.format(count=count))
    assert done.returncode == 0, done.stderr
    return done.stdout


def measure(desk: Desk) -> list[Result]:
    desk.manage("train_classifier", "--corpus")
    empty = _empty_tasks(desk)
    desk.reset()
    triage = _triage(desk)
    desk.reset()
    return [
        Result(
            "triage throughput, two worker processes",
            triage,
            "tickets/s",
            4.0,
            "empty Celery tasks/s",
            empty,
        )
    ]


def _empty_tasks(desk: Desk) -> float:
    """Queue all messages first, then start the workers: from the first one done to the last."""
    sent = desk.run_python(_SEND.format(count=TASKS))
    assert sent.returncode == 0, sent.stderr
    start_workers(desk)
    # One connection for all looks: a new one each time takes as much of the machine as a dozen tickets.
    with redis.from_url(desk.valkey.url) as client:
        return _rate(lambda: client.llen("smartops:triage"), TASKS)


def _triage(desk: Desk) -> float:
    desk.start_web()
    body = tickets(desk, 5000)

    rows = json.loads(body)
    for _ in range(TICKETS // len(rows)):
        status, answer = desk.post("/api/v1/tickets/batch/", rows)
        assert status == 207, answer
    start_workers(desk)
    with psycopg.connect(desk.postgres.url, autocommit=True) as link:
        return _rate(lambda: link.execute(UNFINISHED).fetchone()[0], TICKETS)


def _rate(waiting: Callable[[], int], total: int) -> float:
    """Items per second between the first fifth and the end: the start of the processes does not count."""
    left = total
    while left > total * 0.8:
        left = waiting()
        time.sleep(POLL)
    started, at_start = time.monotonic(), left
    while left:
        left = waiting()
        time.sleep(POLL)
    return at_start / (time.monotonic() - started)
