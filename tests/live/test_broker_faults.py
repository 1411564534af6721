"""The broker dies, forgets, blinks; tickets are accepted and triaged all the same."""

import signal
import time

from tests.live.desk import Desk

NO_ANSWER_SECONDS = 3.0  # an answer may not wait for a broker that is away


def test_tickets_posted_while_the_broker_is_down_are_accepted_at_once_and_triaged_later(
    desk: Desk,
) -> None:
    desk.start()
    ids = desk.open(3)
    desk.wait_until_triaged()
    desk.valkey.process.kill()
    desk.valkey.process.wait()

    slowest = 0.0
    for number in range(10):
        started = time.monotonic()
        status, ticket = desk.post("/api/v1/tickets/", {"title": f"VPN is down {number}"})
        slowest = max(slowest, time.monotonic() - started)
        assert status == 201
        ids.append(ticket["id"])
    desk.valkey.restart()

    desk.wait_until_triaged(60)
    desk.assert_each_has_exactly_one_result(ids)
    assert slowest < NO_ANSWER_SECONDS


def test_a_silent_broker_does_not_hold_up_intake(desk: Desk) -> None:
    desk.start()
    desk.valkey.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        status, ticket = desk.post("/api/v1/tickets/", {"title": "VPN is down"})
        seconds = time.monotonic() - started
    finally:
        desk.valkey.process.send_signal(signal.SIGCONT)

    assert status == 201
    assert seconds < 6
    desk.wait_until_triaged(60)
    desk.assert_each_has_exactly_one_result([ticket["id"]])


def test_an_emptied_broker_delays_and_loses_nothing(desk: Desk) -> None:
    desk.start_web()
    ids = desk.open(300)
    desk.run_redis("FLUSHALL")

    desk.start_beat()
    desk.start_worker()

    desk.wait_until_triaged()
    desk.assert_each_has_exactly_one_result(ids)


def test_a_broker_killed_and_restarted_under_running_tasks_costs_neither_worker_nor_ticket(
    desk: Desk,
) -> None:
    worker = desk.start()
    ids = desk.open(300, "SLOW network")
    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM triage_triagejob WHERE state = 'running'") > 0,
        20,
        "a claim",
    )

    desk.valkey.process.kill()
    desk.valkey.process.wait()
    time.sleep(1)
    desk.valkey.restart()

    desk.wait_until_triaged(60)
    desk.assert_each_has_exactly_one_result(ids)
    assert worker.poll() is None


def test_connections_cut_under_running_tasks_cost_neither_worker_nor_ticket(desk: Desk) -> None:
    worker = desk.start()
    ids = desk.open(300, "SLOW network")
    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM triage_triagejob WHERE state = 'running'") > 0,
        20,
        "a claim",
    )

    desk.run_redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    desk.wait_until_triaged(60)
    desk.assert_each_has_exactly_one_result(ids)
    assert worker.poll() is None
