"""PostgreSQL restarts under load: what was accepted is triaged, what was not got an honest error."""

import signal
import threading

from tests.live.desk import Desk


def test_a_database_restart_under_load_loses_and_repeats_nothing(desk: Desk) -> None:
    worker = desk.start()
    accepted: list[int] = desk.open(100, "SLOW network")
    answers: set[int] = set()
    enough = threading.Event()

    def load() -> None:
        while not enough.is_set():
            status, ticket = desk.post("/api/v1/tickets/", {"title": "VPN is down"})
            answers.add(status)
            if status == 201:
                accepted.append(ticket["id"])

    senders = [threading.Thread(target=load) for _ in range(3)]
    for sender in senders:
        sender.start()
    enough.wait(1)
    desk.postgres.process.send_signal(signal.SIGQUIT)  # an immediate stop: it recovers from its log
    desk.postgres.process.wait(20)
    enough.wait(0.5)
    desk.postgres.restart()
    desk.start_beat()  # the supervisor starts one that died with the database; two are harmless
    enough.wait(3)
    enough.set()
    for sender in senders:
        sender.join()

    desk.wait_until_triaged(90)
    desk.assert_each_has_exactly_one_result(accepted)
    assert 201 in answers
    assert answers <= {201, 503}
    assert worker.poll() is None
