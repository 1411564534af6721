"""Servers say that they live; silence is found."""

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from servers import tasks
from servers.lifecycle import Action, State
from servers.models import Cause, Heartbeat, Kind, Said, Server, ServerEvent
from servers.services.fleet import act_on
from servers.services.heartbeats import (
    WATCH,
    NoSuchKey,
    change_heartbeat,
    delete_heartbeat,
    give_key,
    take_beat,
    watch_heartbeats,
)
from servers.services.judging import judge_servers
from tests.conftest import client_for
from tests.factories import make_user
from tests.servers.fleet import NOON, make_server
from workers.errors import PermanentError
from workers.models import Heartbeat as SignOfLife

pytestmark = pytest.mark.django_db

#: A period and a grace.
MISSING_AFTER = timedelta(seconds=90)


def watched(name: str = "web-1", **fields: Any) -> tuple[Server, str]:
    """A server that sends a heartbeat every minute, with 30 seconds of grace, and its key."""
    server = make_server(name, **fields)
    values = {"period_seconds": 60, "grace_seconds": 30}
    _, key, _ = give_key(server=server, values=values, now=NOON)
    return server, key


def beat(key: str, at: datetime, status: Said = Said.OK, **fields: Any) -> None:
    given = {"name": "web-1", "message": "", **fields}
    take_beat(key=key, status=status, now=at, **given)


def watch(*times: datetime) -> int:
    """Watches at these times, by a watch that was never away."""
    missing = 0
    for now in times:
        row = {"beat_at": now - timedelta(seconds=5)}
        SignOfLife.objects.update_or_create(name="servers.watch_heartbeats", defaults=row)
        missing += watch_heartbeats(now=now)
    return missing


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def state(server: Server) -> str:
    return Server.objects.get(pk=server.pk).state


def test_a_server_whose_heartbeat_stays_out_for_period_and_grace_has_failed() -> None:
    server, key = watched()
    beat(key, NOON)

    assert watch(after(89)) == 0
    assert watch(after(90)) == 1

    server.refresh_from_db()
    assert server.state == State.FAILED
    assert server.reason == "no heartbeat since 2026-03-03 12:00:00 UTC"
    assert ServerEvent.objects.get().cause == Cause.HEARTBEAT


def test_a_missing_heartbeat_is_found_once() -> None:
    _, key = watched()
    beat(key, NOON)

    assert watch(after(100), after(105), after(200), after(10_000)) == 1
    assert ServerEvent.objects.count() == 1


def test_the_next_heartbeat_brings_the_server_back() -> None:
    server, key = watched()
    beat(key, NOON)
    watch(after(100))

    beat(key, after(130), message="rebooted")

    server.refresh_from_db()
    assert (server.state, server.reason) == (State.RUNNING, "heartbeat: rebooted")
    assert watch(after(219)) == 0
    assert watch(after(220)) == 1


def test_a_server_that_says_that_it_failed_has_failed_at_once() -> None:
    server, key = watched()

    beat(key, NOON, Said.FAIL, message="disk full")

    server.refresh_from_db()
    assert (server.state, server.reason) == (State.FAILED, "it says that it failed: disk full")
    assert watch(after(10_000)) == 0  # nothing is left to find


def test_a_server_that_says_that_it_starts_boots_until_it_says_ok() -> None:
    server, key = watched()
    beat(key, NOON)

    beat(key, after(10), Said.START)
    assert state(server) == State.BOOTING
    beat(key, after(40))

    assert state(server) == State.RUNNING


def test_a_server_that_starts_and_is_not_heard_again_has_failed() -> None:
    server, key = watched()
    beat(key, NOON, Said.START)

    watch(after(90))

    assert state(server) == State.FAILED


def test_a_heartbeat_that_never_came_is_not_waited_for() -> None:
    server, _ = watched()

    assert watch(after(10_000)) == 0
    assert state(server) == State.RUNNING


def test_a_server_that_a_person_started_must_be_heard_within_period_and_grace() -> None:
    server, key = watched(state=State.STOPPED)
    act_on(ids=[server.pk], action=Action.START, actor="ana", now=after(10))

    watch(after(15))
    assert watch(after(99)) == 0
    assert watch(after(100)) == 1

    assert state(server) == State.FAILED
    beat(key, after(110))
    assert state(server) == State.RUNNING


def test_a_restart_gives_a_heartbeat_that_was_due_soon_its_whole_time_again() -> None:
    server, key = watched()
    beat(key, NOON)
    act_on(ids=[server.pk], action=Action.STOP, actor="ana", now=after(20))
    act_on(ids=[server.pk], action=Action.START, actor="ana", now=after(80))

    assert watch(after(91), after(169)) == 0
    assert watch(after(170)) == 1


def test_a_person_who_brings_a_server_back_starts_the_wait_again() -> None:
    server, key = watched()
    beat(key, NOON)
    watch(after(90))
    act_on(ids=[server.pk], action=Action.RECOVER, actor="ana", now=after(100))

    assert watch(after(105), after(189)) == 0
    assert state(server) == State.RUNNING
    assert watch(after(190)) == 1
    assert state(server) == State.FAILED


def test_a_stopped_server_stays_stopped_whatever_it_says_or_does_not_say() -> None:
    server, key = watched(state=State.STOPPED)

    for second, status in enumerate((Said.OK, Said.START, Said.FAIL, Said.OK)):
        beat(key, after(second), status)
    watch(after(10_000))

    assert state(server) == State.STOPPED
    assert not ServerEvent.objects.exists()


def test_a_paused_heartbeat_is_noted_and_decides_nothing() -> None:
    server, key = watched()
    change_heartbeat(beat=server.heartbeat, values={"enabled": False}, now=NOON)

    beat(key, after(5), Said.FAIL)
    beat(key, after(10))
    watch(after(10_000))

    assert state(server) == State.RUNNING
    assert Heartbeat.objects.get().last_at == after(10)


def test_a_changed_period_counts_from_the_change_on() -> None:
    server, key = watched()
    beat(key, NOON)

    change_heartbeat(beat=server.heartbeat, values={"period_seconds": 300}, now=after(60))

    assert watch(after(389)) == 0
    assert watch(after(390)) == 1


def test_a_heartbeat_that_is_watched_again_has_its_whole_time() -> None:
    server, key = watched()
    beat(key, NOON)
    change_heartbeat(beat=server.heartbeat, values={"enabled": False}, now=after(10))
    watch(after(1000))
    change_heartbeat(beat=server.heartbeat, values={"enabled": True}, now=after(2000))

    assert watch(after(2089)) == 0
    assert watch(after(2090)) == 1


def test_after_an_outage_of_ours_every_heartbeat_gets_one_more_period() -> None:
    server, key = watched()
    beat(key, NOON)
    watch(after(5))

    assert watch_heartbeats(now=after(600)) == 0  # away for ten minutes
    assert state(server) == State.RUNNING
    assert watch(after(689)) == 0
    assert watch(after(690)) == 1


def test_an_outage_of_ours_moves_no_heartbeat_that_was_not_expected_meanwhile() -> None:
    server, key = watched()
    change_heartbeat(beat=server.heartbeat, values={"period_seconds": 3600}, now=NOON)
    beat(key, NOON)
    watch(after(5))

    watch_heartbeats(now=after(600))

    assert Heartbeat.objects.get().due_at == after(3630)


@pytest.mark.django_db(transaction=True)
def test_three_watches_at_once_are_as_good_as_one() -> None:
    keys = {f"web-{number}": watched(f"web-{number}")[1] for number in range(50)}
    for name, key in keys.items():
        take_beat(name=name, key=key, status=Said.OK, message="", now=NOON)
    watch(after(85))
    found: list[int] = []

    def one() -> None:
        found.append(watch_heartbeats(now=after(90)))
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [0, 0, 50]
    assert ServerEvent.objects.filter(new=State.FAILED).count() == 50


@pytest.mark.django_db(transaction=True)
def test_a_heartbeat_that_comes_while_it_is_found_missing_brings_the_server_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, key = watched()
    beat(key, NOON)
    watch(after(85))
    failed: list[int] = []

    def late() -> None:
        beat(key, after(91))
        connection.close()

    other = threading.Thread(target=late)

    def judge_and_let_it_come(**given: Any) -> Any:
        made = judge_servers(**given)
        if threading.current_thread() is not other and not failed:
            failed.extend(given["ids"])
            other.start()
            until_somebody_waits_for_a_lock()
        return made

    monkeypatch.setattr("servers.services.heartbeats.judge_servers", judge_and_let_it_come)
    assert watch_heartbeats(now=after(90)) == 1
    other.join(20)

    assert failed == [server.pk]
    assert state(server) == State.RUNNING


def until_somebody_waits_for_a_lock() -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    end = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("Nobody waits.")


def test_a_heartbeat_of_a_server_that_runs_is_one_statement() -> None:
    _, key = watched()

    with CaptureQueriesContext(connection) as queries:
        beat(key, NOON)

    [one] = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"]]
    assert "UPDATE servers_heartbeat" in one


def test_a_process_whose_clock_is_wrong_asks_the_database() -> None:
    _, key = watched()

    with time_machine.travel(timezone.now() - timedelta(hours=2)):
        answer = client_for(None).post(URL, headers={"Authorization": f"Bearer {key}"})
        assert tasks.watch_heartbeats.run() == 0

    assert answer.status_code == 200
    assert Heartbeat.objects.get().due_at > timezone.now()
    assert SignOfLife.objects.get(name=WATCH).beat_at > timezone.now() - timedelta(minutes=5)


def test_old_and_new_key_are_both_good_for_a_day() -> None:
    server, old = watched()
    beat_row, new, made = give_key(server=server, now=NOON)

    assert not made
    assert beat_row.period_seconds == 60
    beat(old, after(60))
    beat(new, after(61))
    with pytest.raises(NoSuchKey):
        beat(old, NOON + timedelta(hours=24))
    beat(new, NOON + timedelta(hours=24))


def test_keys_are_kept_as_hashes() -> None:
    _, key = watched()

    row = Heartbeat.objects.values().get()
    assert key not in str(row)
    assert key.startswith(row["key_hint"])
    assert len(row["key_hint"]) < 10 < len(key)


def test_a_simulated_server_has_no_heartbeat() -> None:
    with pytest.raises(PermanentError, match="simulated"):
        give_key(server=make_server(kind=Kind.SIMULATED), now=NOON)


def test_a_heartbeat_that_is_removed_decides_nothing_any_more() -> None:
    server, key = watched()

    delete_heartbeat(beat=server.heartbeat, now=NOON)

    with pytest.raises(NoSuchKey):
        beat(key, NOON)


URL = "/api/v1/servers/web-1/heartbeat/"


@pytest.mark.parametrize("verb", ["get", "post"])
@pytest.mark.parametrize("scheme", ["Bearer", "Token", "bearer"])
def test_the_key_may_stand_in_the_header(verb: str, scheme: str) -> None:
    _, key = watched()

    answer = getattr(client_for(None), verb)(URL, headers={"Authorization": f"{scheme} {key}"})

    assert answer.status_code == 200, answer.content
    assert answer.json() == {"status": "ok", "message": ""}
    assert Heartbeat.objects.get().status == Said.OK


@pytest.mark.parametrize("address", ["{url}?key={key}", "{url}{key}/", "{url}{key}"])
def test_the_key_may_stand_in_the_address(address: str) -> None:
    _, key = watched()

    for verb in ("get", "post"):
        answer = getattr(client_for(None), verb)(address.format(url=URL, key=key))
        assert answer.status_code == 200, answer.content
        assert answer["Cache-Control"] == "no-store"


def test_a_form_as_curl_sends_it_is_read() -> None:
    server, key = watched()

    form = "status=fail&message=disk+full"
    kind = "application/x-www-form-urlencoded"
    answer = client_for(None).generic("POST", f"{URL}{key}/", form, content_type=kind)

    assert answer.status_code == 200
    assert state(server) == State.FAILED


def test_a_word_that_no_server_says_is_refused() -> None:
    _, key = watched()

    answer = client_for(None).post(f"{URL}{key}/", {"status": "missing"}, format="json")

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["status"]
    assert Heartbeat.objects.get().status == Said.NEW


def test_a_body_that_is_no_heartbeat_is_too_large() -> None:
    _, key = watched()

    answer = client_for(None).post(f"{URL}{key}/", {"message": "x" * 20_000}, format="json")

    assert answer.status_code == 413


def test_a_wrong_key_and_an_unknown_server_get_the_same_answer() -> None:
    watched()
    answers = [
        client_for(None).post(address, headers={"X-Request-ID": "same-1"})
        for address in (
            *(f"{URL}wrong/", "/api/v1/servers/nobody/heartbeat/wrong/", URL),
            "/api/v1/servers/nobody/heartbeat/",
        )
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0]["WWW-Authenticate"] == "Bearer"


def test_a_key_in_the_address_stands_in_no_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = watched()

    client_for(None).get(f"{URL}{key}/")
    client_for(None).get(f"{URL}{key}/?status=nonsense")
    client_for(None).get(f"{URL}{key}-wrong")

    def broken(**_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("servers.services.heartbeats.take_beat", broken)
    client = client_for(None)
    client.raise_request_exception = False
    assert client.get(f"{URL}{key}/").status_code == 500
    assert "/api/v1/servers/web-1/heartbeat/…" in caplog.text
    assert key not in caplog.text


def test_admins_make_change_and_remove_heartbeats() -> None:
    make_server()
    admin, where = client_for(make_user("ada", "Admin")), "/api/v1/servers/web-1/heartbeat-key/"

    assert admin.get(where).status_code == 404
    made = admin.post(where, {"period_seconds": 120}, format="json")
    again = admin.post(where, {}, format="json")
    changed = admin.patch(where, {"grace_seconds": 15}, format="json")

    assert (made.status_code, again.status_code, changed.status_code) == (201, 200, 200)
    assert made.json()["key"] != again.json()["key"]
    shown = admin.get(where).json()
    assert (shown["period_seconds"], shown["grace_seconds"]) == (120, 15)
    assert "key" not in shown
    assert admin.delete(where).status_code == 204
    assert not Heartbeat.objects.exists()


def test_a_heartbeat_too_frequent_to_mean_anything_is_refused() -> None:
    make_server()
    admin = client_for(make_user("ada", "Admin"))

    answer = admin.post(
        "/api/v1/servers/web-1/heartbeat-key/", {"period_seconds": 1}, format="json"
    )

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["period_seconds"]
