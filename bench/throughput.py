"""Triage, from accepted to decided, against the rate at which the same workers run empty Celery tasks."""

import json
import time
from statistics import median

import redis

from bench.results import Result
from tests.live.desk import Desk

TASKS = 4000
TICKETS = 20_000
POLL = 0.05  # seconds
ROUNDS = 3

_SEND = """
import bench.empty_app
from celery import current_app
with current_app.producer_pool.acquire(block=True) as producer:
    for _ in range({count}):
        current_app.send_task("bench.empty", queue="triage", producer=producer, retry=False)
"""
_RATE = """
SELECT count(*) / extract(epoch FROM max(finished_at) - min(finished_at))
  FROM (SELECT finished_at, percent_rank() OVER (ORDER BY finished_at) AS share FROM triage_triagejob)
 WHERE share >= 0.2
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
    """Empty tasks and triage in turns: on a machine that others share, each is measured in good and bad moments."""
    desk.manage("train_classifier", "--corpus")
    empty, triage = [], []
    for _ in range(ROUNDS):
        empty.append(_empty_tasks(desk))
        desk.reset()
        triage.append(_triage(desk))
        desk.reset()
    return [
        Result(
            "triage throughput, two worker processes",
            median(triage),
            "tickets/s",
            4.0,
            "empty Celery tasks/s",
            median(empty),
        )
    ]


def _empty_tasks(desk: Desk) -> float:
    """Queue all messages first, then start the workers: from the first fifth, when all processes are up, to the end."""
    sent = desk.run_python(_SEND.format(count=TASKS))
    assert sent.returncode == 0, sent.stderr
    start_workers(desk)
    with redis.from_url(desk.valkey.url) as client:
        left = client.llen("smartops:triage")
        while left > TASKS * 0.8:
            time.sleep(POLL)
            left = client.llen("smartops:triage")
        started, at_start = time.monotonic(), left
        while client.llen("smartops:triage"):
            time.sleep(POLL)
        return at_start / (time.monotonic() - started)


def _triage(desk: Desk) -> float:
    """The same for tickets that were all accepted before. The jobs' rows tell when each was done."""
    desk.start_web()
    rows = json.loads(tickets(desk, 5000))
    for _ in range(TICKETS // len(rows)):
        status, answer = desk.post("/api/v1/tickets/batch/", rows)
        assert status == 207, answer
    start_workers(desk)
    desk.wait_for(lambda: desk.unfinished() == 0, 60, "triage", step=1)
    return float(desk.sql(_RATE)[0][0])
