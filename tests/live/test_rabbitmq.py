"""The whole desk with RabbitMQ as its broker: stopped, killed, silent. Every ticket gets its one decision."""

import re
import signal
import time
from collections.abc import Iterator

import pytest
from kombu import Connection

from tests.live import rabbit
from tests.live.desk import Desk
from tests.live.rabbit import Rabbit
from workers import queues

NUDGE_SECONDS = 10  # the sweep finds earlier what no message has found
NO_ANSWER_SECONDS = 3.0  # an answer may not wait for a broker that is away
AWAY = "The broker does not answer: tickets are accepted and will be triaged when it is back."


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    rabbit.needed()
    broker = Rabbit(tmp_path_factory.mktemp("rabbitmq"))
    yield broker
    broker.stop()


@pytest.fixture
def desk(servers: Desk, broker: Rabbit) -> Iterator[Desk]:
    """A desk whose processes know RabbitMQ as their broker, and Redis for what is counted and told."""
    servers.stop_web()
    servers.reset()
    if broker.process.poll() is not None:
        broker.start()
    servers.environment |= {"CELERY_BROKER_URL": broker.url, "NUDGE_SECONDS": str(NUDGE_SECONDS)}
    yield servers
    servers.stop_processes()
    servers.stop_web()
    del servers.environment["CELERY_BROKER_URL"]
    servers.environment["NUDGE_SECONDS"] = "2"


def findings(desk: Desk) -> list[str]:
    _, answer = desk.get("/health")
    return answer["findings"]


def dropped(desk: Desk) -> float:
    """Messages that web left to the sweep."""
    found = re.findall(r"^smartops_messages_dropped_total\{.*\} (\S+)$", desk.metrics(), re.M)
    return sum(map(float, found))


def wait_for_claim(desk: Desk) -> None:
    running = "SELECT count(*) FROM triage_triagejob WHERE state = 'running'"
    desk.wait_for(lambda: desk.count(running) > 0, 30, "a claim")


def test_tickets_are_triaged_ticks_run_and_nothing_is_amiss(desk: Desk, broker: Rabbit) -> None:
    desk.start()

    ids = desk.open(50)

    desk.wait_until_triaged()
    desk.assert_each_has_exactly_one_result(ids)
    ticks = "SELECT count(*) FROM workers_heartbeat WHERE name = 'beat'"
    desk.wait_for(lambda: desk.count(ticks) == 1, 30, "a tick from beat through a worker")
    assert AWAY not in findings(desk)
    for queue in queues.QUEUES:  # those that no worker reads, too
        assert f'smartops_queue_messages{{queue="{queue.name}"}}' in desk.metrics()
    with Connection(broker.url) as link:
        for queue in queues.QUEUES:  # it refuses what is declared otherwise
            queue(link.channel()).queue_declare()


def test_a_worker_killed_in_the_middle_of_a_chunk_loses_and_repeats_nothing(desk: Desk) -> None:
    worker = desk.start()
    ids = desk.open(300, "SLOW network")
    wait_for_claim(desk)

    desk.kill_tree(worker)
    assert desk.unfinished() > 0
    desk.start_worker()

    desk.wait_until_triaged()
    desk.assert_each_has_exactly_one_result(ids)


def test_a_broker_that_was_stopped_and_started_is_used_again_by_web_workers_and_beat(
    desk: Desk, broker: Rabbit
) -> None:
    worker = desk.start()
    broker.halt()

    ids, slowest = [], 0.0
    for number in range(10):
        started = time.monotonic()
        status, ticket = desk.post("/api/v1/tickets/", {"title": f"VPN is down {number}"})
        slowest = max(slowest, time.monotonic() - started)
        assert status == 201
        ids.append(ticket["id"])
    assert slowest < NO_ANSWER_SECONDS
    assert AWAY in findings(desk)
    broker.start()
    started = time.monotonic()

    desk.wait_until_triaged(60)
    print(f"triaged {time.monotonic() - started:.1f} s after RabbitMQ was back")
    started = time.monotonic()
    ids += desk.open(1)
    desk.wait_until_triaged(30)
    assert time.monotonic() - started < NUDGE_SECONDS, "only the sweep found it"
    desk.assert_each_has_exactly_one_result(ids)
    assert AWAY not in findings(desk)
    assert worker.poll() is None


def test_a_power_cut_of_the_broker_under_running_tasks_costs_neither_worker_nor_ticket(
    desk: Desk, broker: Rabbit
) -> None:
    worker = desk.start()
    ids = desk.open(300, "SLOW network")
    wait_for_claim(desk)

    broker.halt(signal.SIGKILL)
    broker.start()

    desk.wait_until_triaged(60)
    desk.assert_each_has_exactly_one_result(ids)
    assert worker.poll() is None


def test_a_silent_broker_does_not_hold_up_intake(desk: Desk, broker: Rabbit) -> None:
    desk.start()
    broker.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        status, ticket = desk.post("/api/v1/tickets/", {"title": "VPN is down"})
        seconds = time.monotonic() - started
        said = findings(desk)
        # Nobody waits for ever for it to confirm a message: after twice five seconds it is left alone.
        desk.wait_for(lambda: dropped(desk) > 0, 30, "the publisher that gave up")
    finally:
        broker.process.send_signal(signal.SIGCONT)

    assert status == 201
    assert seconds < NO_ANSWER_SECONDS
    assert AWAY in said
    desk.wait_until_triaged(60)
    desk.assert_each_has_exactly_one_result([ticket["id"]])


def test_a_worker_whose_message_was_taken_away_after_the_consumer_timeout_goes_on(
    desk: Desk, broker: Rabbit
) -> None:
    broker.halt()
    broker.start(
        *["-rabbit", "consumer_timeout", "2000", "-rabbit", "channel_tick_interval", "1000"]
    )
    worker = desk.start()

    desk.open(200, "SLOW network")  # four seconds
    desk.wait_for(
        lambda: "PRECONDITION" in desk.said() or worker.poll() is not None, 60, "the timeout"
    )

    ids = desk.open(3)
    desk.wait_until_triaged(60)
    desk.assert_each_has_exactly_one_result(ids)
    assert worker.poll() is None
    broker.halt()  # the next test has one with its usual patience
