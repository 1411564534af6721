"""The live feed `/ws/alerts`: a real web process, real clients, faults."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.live.alerts import Watch, alert_ids, follow, heard
from tests.live.desk import Desk

ARRIVES = 10.0  # seconds that a test waits for what takes a moment


@pytest.fixture(scope="module")
def feed(servers: Desk) -> Iterator[Desk]:
    """One web process for all tests of this file."""
    servers.reset()
    servers.start_web()
    yield servers
    servers.stop_processes()


@pytest.fixture
def watch(feed: Desk) -> Watch:
    return Watch(feed)


def refusal(desk: Desk, query: str = "", **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused, follow(desk, query, **options):
        pass
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.body is not None
    return response.status_code, json.loads(response.body)["detail"]


PEOPLE = {"vera": "Viewer", "mia": "Viewer", "rolf": "Viewer", "tom": "Viewer", "nobody": None}
PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def tokens(feed: Desk) -> dict[str, str]:
    """People, and a token of each."""
    done = feed.run_python(
        "import json\n"
        "from django.contrib.auth.models import User\n"
        "from tickets.services.access import create_token, give_role\n"
        "found = {}\n"
        f"User.objects.filter(username__in={list(PEOPLE)!r}).delete()\n"  # another file's
        f"for name, role in {PEOPLE!r}.items():\n"
        f"    user = User.objects.create_user(name, password={PASSWORD!r}, is_staff=True)\n"
        "    role and give_role(user=user, role=role)\n"
        "    found[name] = create_token(user=user)[1]\n"
        "print(json.dumps(found))"
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def session_cookie(desk: Desk, name: str) -> dict[str, str]:
    """Log in as a person does, and return the header that a browser sends from then on."""
    with httpx.Client(base_url=f"http://127.0.0.1:{desk.port}", trust_env=False) as browser:
        page = "/admin/login/"
        browser.get(page)
        form = {
            "username": name,
            "password": PASSWORD,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        assert browser.post(page, data=form).status_code == 302
        return {"Cookie": f"sessionid={browser.cookies['sessionid']}"}


def test_an_alert_arrives_with_the_fields_that_other_systems_know(feed: Desk, watch: Watch) -> None:
    with follow(feed) as client:
        [pk] = watch.escalate()
        alert = heard(client, ARRIVES)

    assert alert.pop("timestamp").endswith("Z")
    assert alert == {
        "type": "alert",
        "id": pk,
        "ticket_id": watch.ticket,
        "sla_type": "response",
        "state": "alert",
        "details": {"elapsed_minutes": 51.5, "target_minutes": 60, "percent_used": 85.8},
        "level": 1,
        "threshold": "85 %",
        "priority": 2,
        "customer_tier": "gold",
        "department": None,
    }


def test_a_ping_is_answered_and_anything_else_is_told_what_is_understood(feed: Desk) -> None:
    with follow(feed) as client:
        client.send('{"type": "ping"}')
        assert heard(client) == {"type": "pong"}
        for nonsense in ("{", "[]", '{"type": "auth"}', b"\x00", "x" * 5000):
            client.send(nonsense)
            assert heard(client)["type"] == "error"


def test_without_after_only_what_is_new_is_sent(feed: Desk, watch: Watch) -> None:
    watch.escalate()
    with follow(feed) as client:
        [new] = watch.escalate()
        assert alert_ids(client, new) == [new]


def test_who_comes_back_with_after_misses_nothing_while_alerts_keep_coming(
    feed: Desk, watch: Watch
) -> None:
    """Several writers, and a client that loses its line again and again."""
    written: list[int] = []
    watches = [Watch(feed) for _ in range(3)]
    enough = threading.Event()

    def write(mine: Watch) -> None:
        while not enough.is_set():
            written.extend(mine.escalate())

    [first] = watch.escalate()
    writers = [threading.Thread(target=write, args=(mine,)) for mine in watches]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    for number in range(8):
        with follow(feed, f"?after={seen[-1] if seen else first}") as client:
            for _ in range(6):
                seen.append(heard(client)["id"])
            if number == 4:
                time.sleep(0.5)
    enough.set()
    for writer in writers:
        writer.join()
    with follow(feed, f"?after={seen[-1]}") as client:
        last = max(written)
        if seen[-1] < last:
            seen += alert_ids(client, last)

    assert seen == sorted(written)


def test_a_backlog_that_is_too_long_is_admitted_and_the_list_has_all_of_it(
    feed: Desk, watch: Watch
) -> None:
    ids = watch.escalate(1500)
    [last] = watch.escalate()
    with follow(feed, f"?after={ids[0]}") as client:
        gap = heard(client)
        found = alert_ids(client, last)

    assert (gap["type"], gap["from"]) == ("gap", ids[0])
    assert "/api/v1/escalations/?after=" in gap["detail"]
    assert found == [pk for pk in [*ids, last] if pk > gap["to"]]
    assert 1000 <= len(found) <= 1001  # the last one may have come while the others were sent
    status, page = feed.get(f"/api/v1/escalations/?after={gap['from']}&page_size=500")
    assert status == 200
    assert [row["id"] for row in page["results"]] == ids[1:501]


def test_a_burst_reaches_a_client_that_reads(feed: Desk, watch: Watch) -> None:
    with follow(feed) as client:
        ids = watch.escalate(5000)
        assert alert_ids(client, ids[-1], ARRIVES) == ids


def test_an_after_that_is_no_id_is_refused_with_what_would_be_right(feed: Desk) -> None:
    for wrong in ("", "x", "-1", "1.5", "9" * 19, "1&after=2"):
        status, detail = refusal(feed, f"?after={wrong}")
        assert status == 400
        assert "after: use the id" in detail


def test_an_after_from_the_future_is_like_none(feed: Desk, watch: Watch) -> None:
    with follow(feed, "?after=999999999999") as client:
        [pk] = watch.escalate()
        assert alert_ids(client, pk) == [pk]


def test_a_browser_gives_its_token_as_a_subprotocol(feed: Desk) -> None:
    offered: Any = ["smartops.alerts", f"smartops.token.{feed.token}"]
    with follow(feed, additional_headers={}, subprotocols=offered) as client:
        assert client.subprotocol == "smartops.alerts"


def test_a_person_follows_with_the_cookie_from_the_desks_own_pages_only(
    feed: Desk, tokens: dict[str, str]
) -> None:
    cookie = session_cookie(feed, "vera")
    own: Any = f"http://127.0.0.1:{feed.port}"
    with follow(feed, additional_headers=cookie, origin=own):
        pass
    foreign: list[Any] = [
        "https://evil.example",
        f"http://127.0.0.1.evil.example:{feed.port}",
        f"http://127.0.0.1:{feed.port + 1}",
        "null",
        None,
    ]
    for origin in foreign:
        status, detail = refusal(feed, additional_headers=cookie, origin=origin)
        assert (status, "origin" in detail) == (403, True), origin


def test_strangers_wrong_tokens_and_people_without_a_role_are_refused(
    feed: Desk, tokens: dict[str, str]
) -> None:
    cases: list[dict[str, str]] = [
        {},
        {"Authorization": "Token " + "a" * 64},
        {"Authorization": "Token"},
        {"Authorization": "Basic YTpi"},
        {"Cookie": "sessionid=" + "a" * 32, "Origin": f"http://127.0.0.1:{feed.port}"},
        {"Authorization": f"Token {tokens['nobody']}"},
    ]
    for headers in cases:
        status, detail = refusal(feed, additional_headers=headers)
        assert status == 403
        assert detail
    assert "role" in detail


def test_alerts_of_a_restricted_department_reach_its_members_only(
    feed: Desk, watch: Watch, tokens: dict[str, str]
) -> None:
    [(secret,)] = feed.sql(
        "INSERT INTO tickets_department (name, description, restricted) VALUES ('Board', '', true) RETURNING id"
    )
    feed.sql(
        "INSERT INTO tickets_department_members (department_id, user_id)"
        " SELECT %s, id FROM auth_user WHERE username = 'mia'",
        secret,
    )
    try:
        [before] = watch.escalate()
        with follow(feed) as outsider, follow(feed, token=tokens["mia"]) as member:
            [hidden] = watch.escalate(department=secret)
            [open_to_all] = watch.escalate()
            assert alert_ids(outsider, open_to_all) == [open_to_all]
            assert alert_ids(member, open_to_all) == [hidden, open_to_all]
        with follow(feed, f"?after={before}") as outsider:
            assert alert_ids(outsider, open_to_all) == [open_to_all]
        # A ticket that has moved to the department since is hidden in what is sent again, too.
        feed.sql("UPDATE tickets_ticket SET department_id = %s WHERE id = %s", secret, watch.ticket)
        for name, seen in (("vera", []), ("mia", [hidden, open_to_all])):
            listed = httpx.get(
                f"http://127.0.0.1:{feed.port}/api/v1/escalations/?after={before}",
                headers={"Authorization": f"Token {tokens[name]}"},
                trust_env=False,
            ).json()["results"]
            assert [row["id"] for row in listed] == seen
    finally:
        feed.sql("TRUNCATE tickets_ticket CASCADE")
        feed.sql("DELETE FROM tickets_department_members WHERE department_id = %s", secret)
        feed.sql("DELETE FROM tickets_department WHERE id = %s", secret)


def test_who_loses_the_role_or_the_token_is_dropped(feed: Desk, tokens: dict[str, str]) -> None:
    with follow(feed, token=tokens["rolf"]) as first, follow(feed, token=tokens["tom"]) as second:
        feed.sql(
            "DELETE FROM auth_user_groups USING auth_user u WHERE u.id = user_id AND u.username = 'rolf'"
        )
        feed.sql(
            "DELETE FROM knox_authtoken USING auth_user u WHERE u.id = user_id AND u.username = 'tom'"
        )
        for client in (first, second):
            with pytest.raises(ConnectionClosed) as closed:
                heard(client, ARRIVES)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401


def open_sockets(desk: Desk) -> float:
    text = desk.metrics()
    [line] = [row for row in text.splitlines() if row.startswith("smartops_feed_followers ")]
    return float(line.split()[1])


def test_a_client_that_takes_nothing_is_dropped_and_the_others_go_on(
    feed: Desk, watch: Watch
) -> None:
    plug = socket.socket()
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plug.connect(("127.0.0.1", feed.port))
    with follow(feed, sock=plug, max_queue=1), follow(feed, max_queue=None) as quick:
        feed.wait_for(lambda: open_sockets(feed) == 2, ARRIVES, "both clients")
        ids = watch.escalate(25_000)
        assert alert_ids(quick, ids[-1], 30) == ids
        feed.wait_for(lambda: open_sockets(feed) == 1, ARRIVES, "the drop")
        [one_more] = watch.escalate()
        assert alert_ids(quick, one_more) == [one_more]


def test_fifty_clients_all_hear_it(feed: Desk, watch: Watch) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(follow(feed)) for _ in range(50)]
        [pk] = watch.escalate()
        assert [alert_ids(client, pk) for client in clients] == [[pk]] * 50
    feed.wait_for(lambda: open_sockets(feed) == 0, ARRIVES, "the end of all")


def test_without_redis_alerts_arrive_all_the_same_and_with_it_again_quickly(
    feed: Desk, watch: Watch
) -> None:
    with follow(feed) as client:
        feed.valkey.process.kill()
        feed.valkey.process.wait()
        [pk] = watch.escalate(nudge=False)
        assert alert_ids(client, pk, ARRIVES) == [pk]

        feed.valkey.restart()
        feed.wait_for(
            lambda: feed.run_redis("PUBSUB", "NUMSUB", "smartops:alerts")[1] == 1,
            ARRIVES,
            "the listener",
        )
        [pk] = watch.escalate()
        assert alert_ids(client, pk, ARRIVES) == [pk]


def test_a_database_restart_ends_no_feed_and_loses_no_alert(feed: Desk, watch: Watch) -> None:
    with follow(feed) as client:
        feed.postgres.process.send_signal(signal.SIGQUIT)
        feed.postgres.process.wait(20)
        status, detail = refusal(feed)
        assert (status, "database" in detail) == (503, True)
        feed.postgres.restart()
        ids = [watch.escalate()[0] for _ in range(3)]
        assert alert_ids(client, ids[-1], ARRIVES) == ids


def test_the_web_process_stops_within_seconds_with_open_sockets(feed: Desk) -> None:
    process = feed.start_web()
    written = feed.root / "processes.log"
    with ExitStack() as stack:
        clients = [stack.enter_context(follow(feed)) for _ in range(10)]
        before = len(written.read_text(errors="replace"))
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        seconds = time.monotonic() - started
        for client in clients:
            with pytest.raises(ConnectionClosed) as closed:
                heard(client)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012

    assert seconds < 4
    log = written.read_text(errors="replace")[before:]
    assert "Exception in ASGI application" not in log
    assert "handshake" not in log
    assert "Task was destroyed" not in log
