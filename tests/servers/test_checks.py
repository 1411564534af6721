"""Workers look at servers: real ports, pages and certificates on this machine."""

import ssl
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from servers.lifecycle import Action, State
from servers.models import Check, CheckKind, CheckResult, Kind, Said, Server, ServerEvent
from servers.services import checking, checks, probing
from servers.services.checking import check_findings, forget_old_results, run_checks, run_chunk
from servers.services.fleet import act_on
from servers.services.heartbeats import give_key, take_beat
from tests.conftest import client_for
from tests.factories import make_user
from tests.servers.fleet import NOON, make_server
from tests.servers.targets import certificate_for, page, port, tls_port
from tests.sla.receivers import drip, garbage, hang, huge, raw_server
from workers import tls

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def local_allowed(settings: Any) -> None:
    settings.CHECKS_ALLOW = ["127.0.0.0/8"]


def make_check(
    target: str, kind: str = "http", server: Server | None = None, **fields: Any
) -> Check:
    server = server or Server.objects.filter(name="web-1").first() or make_server()
    given = {"timeout_seconds": 1, "bad_in_a_row": 1, **fields}
    values = {"server": server, "kind": kind, "target": target, **given}
    return checks.create_check(values=values, now=NOON)


def look(check: Check, *, rounds: int = 1, **options: Any) -> Check:
    """Let workers look, once an interval."""
    for _ in range(rounds):
        check.refresh_from_db()
        assert run_chunk(now=check.next_at, **options)
    check.refresh_from_db()
    return check


def state(name: str = "web-1") -> str:
    return Server.objects.get(name=name).state


def test_a_page_that_answers_is_well() -> None:
    with page() as there:
        check = look(make_check(there.url))

    assert (check.outcome, check.verdict, check.last_error) == ("running", "running", "")
    assert check.last_result["status"] == 200
    assert 0 <= check.last_result["milliseconds"] < 1000
    assert there.paths == ["/health"]
    assert check.next_at == check.checked_at + timedelta(seconds=60)
    assert not ServerEvent.objects.exists()


def test_a_page_that_answers_with_an_error_fails_its_server_with_the_reason() -> None:
    with page(503) as there:
        check = look(make_check(there.url + "?token=secret"))

    server = Server.objects.get()
    assert server.state == State.FAILED
    assert server.reason == f"HTTP {there.url}: answered 503, expected 200–299"
    assert ServerEvent.objects.get().at == check.checked_at


def test_a_page_that_answers_again_brings_its_server_back() -> None:
    with page(500) as there:
        check = look(make_check(there.url))
        there.status = 204
        look(check)

    assert state() == State.RUNNING
    moves = ServerEvent.objects.order_by("id").values_list("old", "new")
    assert list(moves) == [("running", "failed"), ("failed", "running")]


def test_one_bad_look_alone_is_noted_and_changes_nothing() -> None:
    with page(500) as there:
        check = look(make_check(there.url, bad_in_a_row=2))
        assert (check.outcome, check.verdict, state()) == ("failed", "", State.RUNNING)
        look(check)

    assert state() == State.FAILED


def test_a_look_that_a_person_overtook_is_the_first_of_a_new_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with page(500) as there:
        check = look(make_check(there.url, bad_in_a_row=2), rounds=2)
        assert state() == State.FAILED
        see = checking._look

        def meanwhile(*given: Any) -> Any:
            seen = see(*given)
            ids, now = [check.server_id], check.next_at
            act_on(ids=ids, action=Action.RECOVER, actor="ana", now=now)
            return seen

        monkeypatch.setattr(checking, "_look", meanwhile)
        look(check)
        assert state() == State.RUNNING
        monkeypatch.undo()
        look(check)

    assert state() == State.FAILED


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with page() as inside, page(302, location=inside.url) as there:
        check = look(make_check(there.url))

    assert check.last_error == "answered 302, expected 200–299"
    assert inside.paths == []


def test_a_slow_answer_makes_the_server_degraded_and_a_quick_one_well() -> None:
    with port(
        lambda link: (link.recv(999), time.sleep(0.1), link.sendall(b"HTTP/1.1 200 OK\r\n\r\n"))
    ) as there:
        check = look(make_check(f"http://127.0.0.1:{there}/", max_milliseconds=50))
        assert state() == State.DEGRADED
        assert "limit 50 ms" in Server.objects.get().reason
        checks.change_check(check=check, values={"max_milliseconds": 900}, now=check.next_at)
        look(check)

    assert state() == State.RUNNING


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (hang, "no answer within 1 s"),
        (drip, "no answer within 1 s"),
        (garbage, "the answer was not HTTP"),
    ],
)
def test_servers_that_misbehave_are_failed_in_time(talk: Any, error: str) -> None:
    with raw_server(talk) as url:
        started = time.monotonic()
        check = look(make_check(url))

    assert (check.outcome, check.last_error) == ("failed", error)
    assert time.monotonic() - started < 3


def test_a_body_without_an_end_is_not_read() -> None:
    with raw_server(huge) as url:
        check = look(make_check(url, status_min=500, status_max=500))

    assert check.outcome == "running"


def test_a_port_that_takes_connections_is_well_and_a_closed_one_is_not() -> None:
    with port() as number:
        assert look(make_check(f"127.0.0.1:{number}", "tcp")).outcome == "running"

    check = look(make_check("127.0.0.1:1", "tcp", server=make_server("web-2")))
    assert (check.outcome, check.last_error) == ("failed", "the connection was refused")


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Trust a certificate as an operator would."""

    def add(path: Path) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        tls.context.cache_clear()

    yield add
    tls.context.cache_clear()


def at_home(*_: Any) -> list[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(("days", "outcome"), [(60.5, "running"), (5.5, "degraded")])
def test_a_certificate_is_well_while_it_lasts(
    days: float, outcome: str, tmp_path: Path, trust: Any
) -> None:
    certificate = certificate_for(tmp_path, "shop.example", days=days)
    trust(certificate)
    with tls_port(certificate) as number:
        check = look(make_check(f"shop.example:{number}", "tls"), resolve=at_home)

    assert check.last_result["tls_days"] == int(days)
    assert check.outcome == outcome
    assert state() == outcome


@pytest.mark.parametrize(
    ("name", "days", "trusted", "error"),
    [
        ("shop.example", 60, False, "self-signed certificate"),
        ("shop.example", -1, True, "certificate has expired"),
        ("other.example", 60, True, "Hostname mismatch"),
    ],
)
def test_a_certificate_that_nobody_should_trust_fails(
    name: str, days: float, trusted: bool, error: str, tmp_path: Path, trust: Any
) -> None:
    certificate = certificate_for(tmp_path, name, days=days)
    if trusted:
        trust(certificate)
    with tls_port(certificate) as number:
        check = look(make_check(f"shop.example:{number}", "tls"), resolve=at_home)

    assert check.outcome == "failed"
    assert check.last_error.startswith("the certificate is not trusted: ")
    assert error in check.last_error


def test_a_page_over_tls_tells_how_long_its_certificate_lasts(tmp_path: Path, trust: Any) -> None:
    certificate = certificate_for(tmp_path, "shop.example", days=5.5)
    trust(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer(link: Any) -> None:
        with context.wrap_socket(link, server_side=True) as secure:
            secure.recv(999)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with port(answer) as number:
        check = look(make_check(f"https://shop.example:{number}/"), resolve=at_home)

    assert (check.last_result["status"], check.last_result["tls_days"]) == (200, 5)
    assert check.outcome == "degraded"


# --- Where checks may look ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("tcp", "10.0.0.1:22"),
        ("tcp", "[::1]:22"),
        ("tls", "169.254.169.254"),
        ("http", "http://169.254.169.254/latest/meta-data/"),
        ("http", "http://2130706433/"),
        ("http", "http://localhost/"),
    ],
)
def test_private_addresses_are_refused_unless_an_operator_allows_them(
    kind: str, target: str, settings: Any
) -> None:
    settings.CHECKS_ALLOW = []
    values = {"server": make_server(), "kind": kind, "target": target}

    [message] = checks.problems(values)["target"]
    assert "not a public address" in message
    assert "CHECKS_ALLOW" in message


def test_what_messages_may_reach_is_another_list(settings: Any) -> None:
    settings.CHECKS_ALLOW, settings.OUTGOING_ALLOW = [], ["127.0.0.0/8"]
    with page() as there:
        check = look(make_check(there.url))

    assert "not a public address" in check.last_error
    assert there.paths == []


def test_a_name_that_turns_to_our_network_after_it_was_saved_is_refused_at_the_look(
    settings: Any,
) -> None:
    settings.CHECKS_ALLOW = []
    answers = iter([["8.8.8.8"], ["8.8.8.8", "127.0.0.1"]])

    def rebinding(*_: Any) -> list[str]:
        return next(answers)

    with page() as there:
        target = f"http://rebind.example:{there.port}/"
        probing.check_target(probing.parse_target(CheckKind.HTTP, target), resolve=rebinding)
        check = look(make_check(target), resolve=rebinding)

    assert "127.0.0.1, which is not a public address" in check.last_error
    assert there.paths == []


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    looked_up = []

    def resolve(host: str, number: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["127.0.0.99"]

    with page() as there:
        check = look(make_check(f"http://shop.example:{there.port}/"), resolve=resolve)

    assert check.outcome == "running"
    assert looked_up == ["shop.example"]


def test_a_name_that_nobody_knows_fails_its_check() -> None:
    check = look(make_check("http://nowhere.invalid/", timeout_seconds=5))

    assert "could not be resolved" in check.last_error


def test_a_look_up_that_hangs_ends_with_its_check() -> None:
    over = threading.Event()
    started = time.monotonic()

    check = look(make_check("http://slow.example/"), resolve=lambda *_: over.wait(30) and [])

    assert check.last_error == "no answer within 1 s"
    assert time.monotonic() - started < 3
    over.set()


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("http", "shop.example"),
        ("http", "https://user:password@shop.example/"),
        ("tcp", "shop.example"),
        ("tcp", "https://shop.example:443"),
        ("tcp", "shop.example:99999"),
        ("tls", "shop.example:443/path"),
        ("tls", ""),
    ],
)
def test_what_is_no_target_is_refused(kind: str, target: str) -> None:
    values = {"server": make_server(), "kind": kind, "target": target}

    assert list(checks.problems(values)) == ["target"]


# --- What follows ---------------------------------------------------------------------------------


def test_of_several_checks_the_worst_wins() -> None:
    with page() as well, page(500) as ill:
        make_check(well.url)
        bad = make_check(ill.url)
        run_checks(now=NOON)
        assert state() == State.FAILED
        ill.status = 200
        look(bad)

    assert state() == State.RUNNING


def test_a_heartbeat_does_not_cover_for_a_failing_check_nor_the_other_way_round() -> None:
    server = make_server()
    _, key, _ = give_key(server=server, now=NOON)

    def beat(status: Said, seconds: int) -> None:
        at = NOON + timedelta(seconds=seconds)
        take_beat(name="web-1", key=key, status=status, message="", now=at)

    with page(500) as there:
        check = look(make_check(there.url))
        beat(Said.OK, 5)
        assert state() == State.FAILED
        beat(Said.FAIL, 10)
        there.status = 200
        look(check)
        assert state() == State.FAILED
        beat(Said.OK, 100)

    assert state() == State.RUNNING


def test_the_first_good_look_ends_a_boot() -> None:
    server = make_server(state=State.STOPPED)
    with page() as there:
        check = make_check(there.url)
        act_on(ids=[server.pk], action=Action.START, actor="ana", now=NOON)
        look(check)

    assert state() == State.RUNNING


def test_a_booting_server_has_as_many_bad_looks_as_any_other_before_it_fails() -> None:
    server = make_server()
    check = look(make_check("127.0.0.1:1", "tcp", bad_in_a_row=2), rounds=2)
    assert state() == State.FAILED
    act_on(ids=[server.pk], action=Action.START, actor="ana", now=check.next_at)

    check = look(check)
    assert (check.verdict, state()) == ("", State.BOOTING)
    look(check)

    assert state() == State.FAILED


def test_a_server_that_a_person_brought_back_fails_again_after_as_many_bad_looks() -> None:
    server = make_server()
    check = look(make_check("127.0.0.1:1", "tcp", bad_in_a_row=2), rounds=3)
    act_on(ids=[server.pk], action=Action.RECOVER, actor="ana", now=check.next_at)

    look(check)
    assert state() == State.RUNNING
    look(check)

    assert state() == State.FAILED


@pytest.mark.parametrize("fields", [{"state": State.STOPPED}, {"kind": Kind.SIMULATED}])
def test_servers_that_are_not_watched_are_not_looked_at(fields: dict[str, Any]) -> None:
    with page() as there:
        check = look(make_check(there.url, server=make_server(**fields)))

    assert there.paths == []
    assert check.next_at > NOON
    assert not CheckResult.objects.exists()


def test_a_check_that_is_off_is_not_made() -> None:
    make_check("127.0.0.1:1", "tcp", enabled=False)

    assert run_checks(now=NOON) == 0


def test_removing_the_check_that_failed_a_server_lets_the_others_decide() -> None:
    with page() as there:
        bad = make_check("127.0.0.1:1", "tcp")
        make_check(there.url)
        run_checks(now=NOON)
        assert state() == State.FAILED

    bad.refresh_from_db()
    checks.delete_check(check=bad, now=NOON + timedelta(minutes=1))

    assert state() == State.RUNNING


# --- Many workers ---------------------------------------------------------------------------------


def test_a_check_that_another_worker_holds_is_left_alone_until_its_lease_runs_out() -> None:
    check = make_check("127.0.0.1:1", "tcp")
    token, ids = checking._claim(NOON, 10)

    assert ids == [check.pk]
    assert run_checks(now=NOON) == 0
    Check.objects.update(lease_until=NOON)  # long ago
    assert run_checks(now=NOON) == 1


def test_a_worker_that_comes_back_late_writes_nothing() -> None:
    check = make_check("127.0.0.1:1", "tcp")
    token, ids = checking._claim(NOON, 10)
    held = list(Check.objects.filter(pk__in=ids).select_related("server"))
    Check.objects.update(lease_until=NOON)
    with port() as number:
        Check.objects.update(target=f"127.0.0.1:{number}")
        run_checks(now=NOON)

    checking._write(token, held, {check.pk: checking.Seen(error="late")}, NOON)

    check.refresh_from_db()
    assert check.outcome == "running"
    assert state() == State.RUNNING
    assert CheckResult.objects.count() == 1


def test_many_that_hang_take_no_longer_than_one() -> None:
    with raw_server(hang) as url:
        for _ in range(100):
            make_check(url)
        started = time.monotonic()
        run_checks(now=NOON)

    assert time.monotonic() - started < 4
    assert Check.objects.filter(last_error="no answer within 1 s").count() == 100


def test_a_second_address_is_tried_when_the_first_does_not_answer() -> None:
    with port() as number:
        check = look(
            make_check(f"two.example:{number}", "tcp"),
            resolve=lambda *_: ["127.0.0.77", "127.0.0.1"],
        )

    assert check.outcome == "running"


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_checks_and_nobody_checks_twice() -> None:
    with page() as there:
        for number in range(60):
            make_check(f"{there.url}/{number}")

        def work() -> None:
            while run_chunk(now=NOON, limit=10):
                pass
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(there.paths) == sorted(f"/health/{number}" for number in range(60))
    assert CheckResult.objects.count() == 60


def test_checks_that_nobody_makes_are_found() -> None:
    make_check("127.0.0.1:1", "tcp")

    assert check_findings(NOON + timedelta(minutes=5)) == []
    assert "since 2026-03-03 12:00:00 UTC" in check_findings(NOON + timedelta(minutes=6))[0]


def test_the_last_hundred_results_stay() -> None:
    check = make_check("127.0.0.1:1", "tcp")
    rows = [CheckResult(check_of=check, at=NOON, outcome="running") for _ in range(120)]
    CheckResult.objects.bulk_create(rows)

    assert forget_old_results(NOON) == 20
    assert forget_old_results(NOON) == 0


# --- The API --------------------------------------------------------------------------------------


def test_admins_make_change_and_remove_checks() -> None:
    make_server()
    admin = client_for(make_user("ada", "Admin"))
    given = {"server": "web-1", "kind": "tcp", "target": "127.0.0.1:5432"}

    made = admin.post("/api/v1/checks/", given, format="json")
    assert made.status_code == 201, made.content
    where = f"/api/v1/checks/{made.json()['id']}/"
    changed = admin.patch(where, {"interval_seconds": 30}, format="json")

    assert changed.json()["interval_seconds"] == 30
    assert admin.get("/api/v1/checks/?server=web-1&kind=tcp").json()["results"] != []
    assert admin.get("/api/v1/checks/?verdict=failed").json()["results"] == []
    assert admin.delete(where).status_code == 204


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("server", "sim-1"),
        ("server", "nobody"),
        ("server", "web\0"),
        ("target", "http://192.168.1.1/"),
        ("interval_seconds", 1),
        ("timeout_seconds", 31),
        ("status_max", 150),
        ("kind", "icmp"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    make_server()
    make_server("sim-1", kind=Kind.SIMULATED)
    admin = client_for(make_user("ada", "Admin"))
    given = {"server": "web-1", "kind": "http", "target": "http://127.0.0.1/", field: value}

    answer = admin.post("/api/v1/checks/", given, format="json")

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


def test_a_check_stays_with_its_server() -> None:
    check = make_check("127.0.0.1:1", "tcp")
    make_server("web-2")
    admin = client_for(make_user("ada", "Admin"))

    answer = admin.patch(f"/api/v1/checks/{check.pk}/", {"server": "web-2"}, format="json")

    assert list(answer.json()["errors"]) == ["server"]


def test_trying_a_check_tells_and_writes_nothing() -> None:
    with page(500) as there:
        check = make_check(there.url)
        answer = client_for(make_user("ana", "Agent")).post(f"/api/v1/checks/{check.pk}/run/")

    told = answer.json()
    assert (told["outcome"], told["status"]) == ("failed", 500)
    assert told["reason"] == "answered 500, expected 200–299"
    assert state() == State.RUNNING
    assert not CheckResult.objects.exists()


def test_results_are_listed_newest_first() -> None:
    with page() as there:
        check = look(make_check(there.url), rounds=2)
    rows = client_for(make_user("vera", "Viewer")).get(f"/api/v1/checks/{check.pk}/results/")

    times = [row["at"] for row in rows.json()["results"]]
    assert len(times) == 2
    assert times == sorted(times, reverse=True)
