"""Several web and worker hosts, whose cables are pulled: what they had begun is finished elsewhere, and they come back."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live import hosts
from tests.live.alerts import follow, heard
from tests.live.hosts import Network
from tests.live.site import WEB, WORKERS, Site
from tests.live.test_sla_faults import assert_each_level_once, publish, wait_until_escalated

VANISHED_SECONDS = 40.0  # after which nothing of a host that was cut off may be in the way
BACK_SECONDS = 60.0  # to come back, on a busy machine


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    hosts.needed()
    root = tmp_path_factory.mktemp("site")
    for folder in (root, root.parent, root.parent.parent):
        folder.chmod(0o755)  # the database runs as another user
    with ExitStack() as stack:
        network = Network()
        stack.callback(network.close)
        site = Site(root, network)
        stack.callback(site.stop)
        stack.enter_context(network.at("office"))
        site.open_for_business()
        publish(site, "2s", [{"at": 50}, {"at": 100}, {"after": "1s"}])
        yield site


@pytest.fixture(autouse=True)
def _cables_in(site: Site) -> Iterator[None]:
    yield
    for host in (*WEB, *WORKERS):
        site.network.plug(host)


def open_everywhere(site: Site, batches: int, size: int) -> list[int]:
    ids: list[int] = []
    for number in range(batches):
        site.talk_to(WEB[number % len(WEB)])
        ids += site.open(size, "SLOW printer")
    return ids


def wait_until_all_escalated(site: Site, ids: list[int]) -> None:
    wait_until_escalated(site, 60)
    site.assert_each_has_exactly_one_result(ids)
    assert_each_level_once(site, ids)


def hold(site: Site, host: str, ticket: int) -> None:
    """Let a process of `host` lock a ticket in a transaction that does not end."""
    code = f"""if True:
        import time, django
        django.setup()
        from django.db import connection, transaction
        with transaction.atomic():
            connection.cursor().execute("SELECT FROM tickets_ticket WHERE id = {ticket} FOR UPDATE")
            time.sleep(600)
        """
    site.run(host, sys.executable, "-c", code)
    site.wait_for(lambda: not is_free(site, ticket), 60, "the lock")


def is_free(site: Site, ticket: int) -> bool:
    return bool(
        site.sql("SELECT id FROM tickets_ticket WHERE id = %s FOR UPDATE SKIP LOCKED", ticket)
    )


def claims(site: Site) -> int:
    return site.count(
        "SELECT count(DISTINCT lease_token) FROM triage_triagejob WHERE state = 'running'"
    )


def test_what_comes_in_at_any_web_host_is_done_by_all_worker_hosts(site: Site) -> None:
    before = {host: site.done(host, "triage.run_jobs") for host in WORKERS}

    ids = open_everywhere(site, 12, 20)

    site.wait_until_triaged(60)
    wait_until_all_escalated(site, ids)
    assert all(site.done(host, "triage.run_jobs") > before[host] for host in WORKERS)


def test_the_feed_of_one_web_host_tells_what_a_worker_host_escalated(site: Site) -> None:
    site.talk_to("north")
    with follow(site) as client:
        site.talk_to("south")
        [pk] = site.open(1)
        levels: list[int] = []
        while len(levels) < 3:
            message = heard(client, 30)
            if message["type"] == "alert" and message["ticket_id"] == pk:
                levels.append(message["level"])
    assert levels == [1, 2, 3]


def test_a_worker_host_cut_off_at_work_loses_and_repeats_nothing_and_comes_back(site: Site) -> None:
    [held] = site.open(1)
    site.wait_until_triaged()
    hold(site, "east", held)
    ids = open_everywhere(site, 4, 60)
    site.wait_for(lambda: claims(site) > 2, 30, "claims of both hosts")  # one alone has two

    site.network.pull("east")
    cut = time.monotonic()
    assert site.unfinished() > 0
    ids += open_everywhere(site, 2, 20)
    site.wait_until_triaged(60)
    print(f"the other host had triaged everything {time.monotonic() - cut:.1f} s after the cut")
    wait_until_all_escalated(site, ids)
    site.wait_for(lambda: is_free(site, held), VANISHED_SECONDS, "the end of the lock", step=0.5)
    print(f"what the host had locked was free {time.monotonic() - cut:.1f} s after the cut")

    before = site.done("east")
    site.network.plug("east")
    back = time.monotonic()
    site.wait_for(lambda: site.done("east") > before, BACK_SECONDS, "a task on east")
    print(f"the host worked again {time.monotonic() - back:.1f} s after its link was back")
    before = site.done("east", "triage.run_jobs")
    ids += open_everywhere(site, 8, 20)
    site.wait_until_triaged(60)
    wait_until_all_escalated(site, ids)
    assert site.done("east", "triage.run_jobs") > before
    assert [part for part, process in site.parts.items() if process.poll() is not None] == []


def test_a_web_host_cut_off_from_the_database_says_so_while_the_other_serves(site: Site) -> None:
    def ready_at_north() -> int:
        """Asked on the host itself, as the probe of a container does."""
        with site.network.at("north"):
            return site.get("/health/ready")[0]

    site.host = "127.0.0.1"
    assert ready_at_north() == 200
    site.network.pull("north")
    cut = time.monotonic()

    site.wait_for(lambda: ready_at_north() == 503, VANISHED_SECONDS, "the 503")
    assert time.monotonic() - cut < 30, "it waited for the client to give up"
    print(f"a web host said 503 {time.monotonic() - cut:.1f} s after the cut")
    site.talk_to("south")
    assert site.get("/health/ready")[0] == 200
    status, _ = site.post("/api/v1/tickets/", {"title": "VPN is down"})
    assert status == 201

    site.network.plug("north")
    back = time.monotonic()
    site.talk_to("north")
    site.wait_for(lambda: site.get("/health/ready")[0] == 200, BACK_SECONDS, "north")
    print(f"it served again {time.monotonic() - back:.1f} s after its link was back")
