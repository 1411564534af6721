"""Alerts through real web and worker processes: what was accepted is not lost, and one problem is one ticket."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.live.desk import Desk

_MAKE = """
from uuid import uuid4
from servers.services.integrations import create_integration
values = {"name": str(uuid4()), "source": "generic", "rate_per_minute": 1_000_000}
print(create_integration(values=values)[1])
"""
Answer = tuple[int, dict[str, str], Any]


class Sender:
    """Whoever posts alerts to the desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.path = f"/api/v1/intake/{desk.run_python(_MAKE).stdout.strip()}/generic/"

    def post(self, key: str, *, prefer: str = "", **fields: Any) -> Answer:
        """Status 0: no answer."""
        link = HTTPConnection("127.0.0.1", self.desk.port, timeout=30)
        body = json.dumps({"summary": f"Problem {key}", "key": key, **fields})
        try:
            link.request("POST", self.path, body, {"Prefer": prefer})
            answer = link.getresponse()
            return answer.status, dict(answer.headers), json.loads(answer.read())
        except OSError:
            return 0, {}, None
        finally:
            link.close()

    def result(self, key: str, **fields: Any) -> tuple[str, int | None]:
        """What became of an alert, once a worker has taken it."""
        _, _, told = self.post(key, prefer="respond-async", **fields)
        query = "SELECT results FROM servers_delivery WHERE id = %s AND state = 'done'"
        self.desk.wait_for(
            lambda: bool(self.desk.sql(query, told["delivery"])), 30, "the result", step=0.02
        )
        [(results,)] = self.desk.sql(query, told["delivery"])
        return results[0]["result"], results[0]["ticket"]

    def load(self, keep_on: Callable[[], bool], clients: int = 3) -> list[tuple[str, Answer]]:
        """Post alerts of ever new keys, until it is enough. Returns key and answer of each."""
        sent: list[tuple[str, Answer]] = []

        def send(client: int) -> None:
            number = 0
            while keep_on():
                number += 1
                key = f"{client}-{number}"
                sent.append((key, self.post(key, prefer="respond-async")))

        with ThreadPoolExecutor(clients) as pool:
            for job in [pool.submit(send, client) for client in range(clients)]:
                job.result()
        return sent


@pytest.fixture
def sender(desk: Desk) -> Sender:
    desk.start()
    return Sender(desk)


def test_who_sends_too_much_hears_so_though_it_only_listens_when_all_is_sent(
    sender: Sender,
) -> None:
    status, _, told = sender.post("long", filler="x" * 5_000_000)

    assert status == 413
    assert told["detail"] == "The body is longer than 1,048,576 bytes."
    assert sender.post("short", prefer="respond-async")[0] == 202


def settled(desk: Desk, seconds: float = 60) -> None:
    query = "SELECT count(*) FROM servers_delivery WHERE finished_at IS NULL"
    desk.wait_for(lambda: desk.count(query) == 0, seconds, "the alerts' tickets")


def tickets_by_key(desk: Desk) -> Counter[str]:
    rows = desk.sql("SELECT title FROM tickets_ticket WHERE title LIKE 'Problem %%'")
    return Counter(title.removeprefix("Problem ") for (title,) in rows)


def while_loaded(
    sender: Sender, harm: Callable[[threading.Event], None]
) -> list[tuple[str, Answer]]:
    """Post alerts while `harm` is done, and for a moment before and after it."""
    enough = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(sender.load, lambda: not enough.is_set())
        # Not waiting for anything: time in which alerts come.
        enough.wait(1)
        harm(enough)
        enough.wait(2)
        enough.set()
        return load.result()


def test_while_the_broker_is_away_alerts_are_accepted_and_become_tickets_when_it_is_back(
    desk: Desk, sender: Sender
) -> None:
    def harm(moment: threading.Event) -> None:
        desk.valkey.process.kill()
        desk.valkey.process.wait()
        moment.wait(1)
        desk.valkey.restart()

    sent = while_loaded(sender, harm)

    assert {status for _, (status, _, _) in sent} == {202}
    settled(desk)
    assert tickets_by_key(desk) == Counter(key for key, _ in sent)


def test_while_the_database_restarts_a_sender_is_told_to_come_back_or_nothing_is_lost(
    desk: Desk, sender: Sender
) -> None:
    def harm(moment: threading.Event) -> None:
        desk.postgres.process.send_signal(signal.SIGQUIT)  # it recovers from its log
        desk.postgres.process.wait(20)
        moment.wait(0.5)
        desk.postgres.restart()
        desk.start_beat()  # the supervisor starts one that died with the database

    sent = while_loaded(sender, harm)

    accepted = [key for key, (status, _, _) in sent if status == 202]
    refused = [headers for _, (status, headers, _) in sent if status == 503]
    assert {status for _, (status, _, _) in sent} == {202, 503}
    assert {headers.get("retry-after") for headers in refused} == {"2"}
    settled(desk)
    made = tickets_by_key(desk)
    assert set(accepted) <= set(made)
    # A sender that was told to come back may have been heard all the same, if the answer was lost on its way.
    assert set(made) <= {key for key, _ in sent}
    assert set(made.values()) == {1}


def test_a_worker_that_is_killed_with_alerts_in_its_hands_loses_none(
    desk: Desk, sender: Sender
) -> None:
    worker = next(p for p in desk.processes if "worker" in p.args)  # type: ignore[operator]
    enough = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(sender.load, lambda: not enough.is_set())
        enough.wait(1)
        desk.kill_tree(worker)
        desk.start_worker()
        enough.wait(1)
        enough.set()
        sent = load.result()

    assert {status for _, (status, _, _) in sent} == {202}
    settled(desk)
    assert tickets_by_key(desk) == Counter(key for key, _ in sent)
