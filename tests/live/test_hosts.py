"""Several web and worker hosts and pulled cables: others finish what was begun; who was cut off comes back."""

import sys
import time
from collections.abc import Iterator

import pytest

from tests.live import hosts
from tests.live.alerts import follow, heard
from tests.live.site import WEB, WORKERS, Site, opened

VANISHED_SECONDS = 40.0  # after which nothing of a host that was cut off may be in the way
BACK_SECONDS = 60.0  # to come back, on a busy machine


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    hosts.needed()
    with opened(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(autouse=True)
def _cables_in(site: Site) -> Iterator[None]:
    yield
    for host in (*WEB, *WORKERS):
        site.network.plug(host)


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


def test_what_comes_in_at_any_web_host_is_done_by_all_worker_hosts(site: Site) -> None:
    before = {host: site.done(host, "triage.run_jobs") for host in WORKERS}

    ids = site.open_everywhere(12, 20)

    site.wait_until_all_is_done(ids)
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
    ids = site.open_everywhere(4, 60)
    site.wait_until_both_worker_hosts_are_at_work()

    site.network.pull("east")
    cut = time.monotonic()
    assert site.unfinished() > 0
    ids += site.open_everywhere(2, 20)
    site.wait_until_triaged(60)
    print(f"the other host had triaged everything {time.monotonic() - cut:.1f} s after the cut")
    site.wait_for(lambda: is_free(site, held), VANISHED_SECONDS, "the end of the lock", step=0.5)
    print(f"what the host had locked was free {time.monotonic() - cut:.1f} s after the cut")
    site.wait_until_all_is_done(ids)
    print(f"everything was done {time.monotonic() - cut:.1f} s after the cut")
    late = time.time()
    for name in ("core", "io"):  # or they would be restarted, which helps nobody
        site.wait_for(
            lambda name=name: site.touched("east", name) > late, 30, f"a sign of life of {name}"
        )

    site.plug_and_wait_for_work("east", ids, within=BACK_SECONDS)


def test_a_web_host_cut_off_from_the_database_says_so_while_the_other_serves(site: Site) -> None:
    def ready_at_north() -> int:
        """Asked on the host itself, as the probe of a container does."""
        site.host = "127.0.0.1"
        with site.network.at("north"):
            return site.get("/health/ready")[0]

    assert ready_at_north() == 200
    site.network.pull("north")
    cut = time.monotonic()

    site.wait_for(lambda: ready_at_north() == 503, VANISHED_SECONDS, "the 503")
    assert time.monotonic() - cut < 30, "it waited until the client gave up"
    print(f"a web host said 503 {time.monotonic() - cut:.1f} s after the cut")
    site.talk_to("south")
    assert site.get("/health/ready")[0] == 200
    assert site.post("/api/v1/tickets/", {"title": "VPN is down"})[0] == 201

    site.network.plug("north")
    back = time.monotonic()
    site.talk_to("north")
    site.wait_for(lambda: site.get("/health/ready")[0] == 200, BACK_SECONDS, "north")
    print(f"it served again {time.monotonic() - back:.1f} s after its link was back")
