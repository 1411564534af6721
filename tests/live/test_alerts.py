"""Alerts at a desk where nothing breaks: one problem, one ticket, in whatever order and however often."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.live.desk import Desk
from tests.live.test_alert_faults import Sender, settled, tickets_by_key


@pytest.fixture(scope="module")
def calm(servers: Desk) -> Iterator[Sender]:
    """A desk that these tests share, for they break nothing."""
    servers.reset()
    servers.start()
    yield Sender(servers)
    servers.stop_processes()


def test_alerts_out_of_order_and_twice_change_nothing_that_is_not_so(calm: Sender) -> None:
    def at(minute: int) -> str:
        return f"2026-03-03T12:{minute:02}:00Z"

    assert calm.result("a", status="resolved", at=at(5)) == ("ignored", None)
    assert calm.result("a", at=at(0)) == ("ignored", None)  # it began before it ended
    word, ticket = calm.result("a", at=at(10))
    assert word == "created"
    assert calm.result("a", at=at(10)) == ("appended", ticket)
    assert calm.result("a", status="resolved", at=at(8))[0] == "ignored"
    assert calm.result("a", status="resolved", at=at(20)) == ("resolved", ticket)
    assert calm.result("a", status="resolved", at=at(20))[0] == "ignored"
    assert calm.result("a", at=at(15))[0] == "ignored"
    assert calm.result("a", at=at(30)) == ("reopened", ticket)


def test_alerts_of_one_problem_at_the_same_instant_on_many_processes_are_one_ticket(
    calm: Sender,
) -> None:
    calm.desk.start_worker()
    keys = [f"k{number}" for number in range(20)] * 6

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda key: calm.post(key, prefer="respond-async"), keys))

    assert {status for status, _, _ in answers} == {202}
    settled(calm.desk)
    made = tickets_by_key(calm.desk)
    assert {made[key] for key in keys} == {1}
    assert calm.desk.sql("SELECT DISTINCT alerts FROM servers_incident WHERE key LIKE 'k%%'") == [
        (6,)
    ]


def test_the_same_alert_ten_thousand_times_is_one_ticket_with_a_counter(
    calm: Sender,
) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda _: calm.post("same", prefer="respond-async")[0], range(10_000))
        assert set(answers) == {202}

    settled(calm.desk)
    assert tickets_by_key(calm.desk)["same"] == 1
    assert calm.desk.sql("SELECT alerts FROM servers_incident WHERE key = 'same'") == [(10_000,)]
