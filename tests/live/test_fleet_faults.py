"""Ticks of the simulation from three beats, on workers that die: all is as if one calm process had made them."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.live.desk import Desk


@pytest.fixture(autouse=True)
def began(desk: Desk) -> datetime:
    """Two hundred servers that break often, left alone for some hours. Returns since when."""
    desk.manage("fleet", "create", "--servers", "200", "--seed", "7")
    [(moment,)] = desk.sql("SELECT now() - interval '5 hours'")
    begin_anew(desk, moment)
    for path in Path(desk.environment["VAR_DIR"]).glob("faulty-*"):
        path.unlink()
    return moment


def begin_anew(desk: Desk, moment: datetime) -> None:
    desk.sql("TRUNCATE servers_serverevent, servers_plannedmove")
    desk.sql(
        """UPDATE servers_server SET state = 'booting', state_since = %s, changes = 0,
                  next_change_at = NULL""",
        moment,
    )
    desk.sql("UPDATE servers_simulation SET intensity = 30, until = %s", moment)


def wait_until_caught_up(desk: Desk) -> None:
    late = "SELECT count(*) FROM servers_simulation WHERE until < now() - interval '10 seconds'"
    desk.wait_for(lambda: desk.count(late) == 0, 60, "the last hour")


def history(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.sql(
        """SELECT s.name, e.old::text, e.new::text, e.at, e.reason
             FROM servers_serverevent e JOIN servers_server s ON s.id = e.server_id ORDER BY e.id"""
    )


def assert_as_by_one_calm_process(desk: Desk, began: datetime) -> None:
    """Stop everything, begin anew at the same moment, and go the same way in one process: nothing differs."""
    desk.stop_processes()
    made = history(desk)
    assert desk.count("SELECT sum(changes) FROM servers_server") == len(made) > 1000
    [(until,)] = desk.sql("SELECT until FROM servers_simulation")
    begin_anew(desk, began)
    done = desk.run_python(
        f"""
from datetime import datetime
from servers.services.simulation import advance
until = datetime.fromisoformat({until.isoformat()!r})
while advance(now=until).until < until:
    pass
"""
    )
    assert done.returncode == 0, done.stderr
    assert history(desk) == made


def test_three_beats_and_three_workers_move_the_fleet_once(desk: Desk, began: datetime) -> None:
    for _ in range(3):
        desk.start_beat()
        desk.start_worker()

    wait_until_caught_up(desk)

    assert_as_by_one_calm_process(desk, began)


def test_a_tick_whose_worker_is_killed_leaves_nothing_behind(desk: Desk, began: datetime) -> None:
    desk.start_beat()
    desk.start_worker(TICK_DIES="1")

    wait_until_caught_up(desk)

    assert Path(desk.environment["VAR_DIR"], "faulty-TICK").exists()
    assert_as_by_one_calm_process(desk, began)
