"""Workers, beats and servers die, freeze and lie about the time; every level is reached once, none is missed."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sla.document import PolicyDocument
from tests.live.desk import LEASE_SECONDS, Desk

#: A lease, a tick, a run, and what a busy machine takes.
IN_TIME = LEASE_SECONDS + 15


def publish(desk: Desk, resolution: str, levels: list[dict[str, object]]) -> None:
    """Put the only policy in force, by SQL: starting a process for it would take seconds."""
    tiers = {"standard": {p: {"resolution": resolution} for p in ("P1", "P2", "P3", "P4")}}
    document = PolicyDocument.model_validate({"tiers": tiers, "levels": levels}).canonical()
    desk.sql("UPDATE sla_slapolicy SET enabled = false, is_default = false")
    desk.sql(
        """WITH policy AS (INSERT INTO sla_slapolicy (name, position, enabled, is_default, source)
                          VALUES (gen_random_uuid()::text, 1, true, false, 'admin') RETURNING id)
           INSERT INTO sla_slapolicyversion (policy_id, number, document, created_by)
           SELECT id, 1, %s, 'test' FROM policy""",
        json.dumps(document),
    )


@pytest.fixture(autouse=True)
def _hasty_policy(desk: Desk) -> None:
    """Two seconds for a resolution: levels after one, two and three."""
    publish(desk, "2s", [{"at": 50}, {"at": 100}, {"after": "1s"}])
    for path in Path(desk.environment["VAR_DIR"]).glob("faulty-*"):
        path.unlink()


def waiting(desk: Desk) -> int:
    return desk.count("SELECT count(*) FROM sla_slaclock WHERE next_check_at IS NOT NULL")


def wait_until_escalated(desk: Desk, seconds: float = IN_TIME) -> None:
    desk.wait_for(lambda: waiting(desk) == 0, seconds, "the last level")


def assert_each_level_once(desk: Desk, ids: list[int]) -> None:
    """The invariant: every clock has each of its three levels once, the last of them acted on and told once."""
    rows = desk.sql(
        """SELECT t.id, array_agg(e.level ORDER BY e.id), (array_agg(e.skipped ORDER BY e.level DESC))[1],
                  t.sla_breached, t.escalation_level,
                  (SELECT count(*) FROM tickets_ticketevent h WHERE h.ticket_id = t.id AND h.kind = 'escalated'),
                  count(*) FILTER (WHERE NOT e.skipped)
             FROM tickets_ticket t LEFT JOIN sla_escalation e ON e.ticket_id = t.id
            WHERE t.id = ANY(%s) GROUP BY t.id""",
        ids,
    )
    assert len(rows) == len(ids)
    assert [
        row for row in rows if row[1:5] != ([1, 2, 3], False, True, 3) or row[5] != row[6]
    ] == []


def lateness(desk: Desk) -> float:
    """Seconds that the latest escalation stood due and was not found."""
    [(seconds,)] = desk.sql("SELECT extract(epoch FROM max(lateness))::float FROM sla_escalation")
    return float(seconds)


def test_workers_killed_again_and_again_lose_and_repeat_nothing(desk: Desk) -> None:
    desk.start_web()
    desk.start_beat()
    worker = desk.start_worker()
    ids = desk.open(200, "SLOW printer")

    for _ in range(3):
        time.sleep(1.5)
        desk.kill_tree(worker)
        worker = desk.start_worker()

    wait_until_escalated(desk)
    assert_each_level_once(desk, ids)


def test_a_check_that_dies_in_its_transaction_leaves_nothing_behind(desk: Desk) -> None:
    desk.start_web()
    desk.start_beat()
    desk.start_worker()
    ids = [*desk.open(20), *desk.open(1, "DIE")]

    wait_until_escalated(desk)

    assert_each_level_once(desk, ids)
    assert Path(desk.environment["VAR_DIR"], "faulty-DIE").exists()


def test_a_frozen_check_is_thrown_out_and_changes_nothing_when_it_wakes_up(desk: Desk) -> None:
    desk.start_web()
    desk.start_beat()
    desk.start_worker()
    desk.start_worker()
    ids = [*desk.open(20), *desk.open(1, "FREEZE")]

    wait_until_escalated(desk)
    assert lateness(desk) < IN_TIME
    frozen = [pid for pid in _children() if _state(pid) == "T"]
    assert frozen != []
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    time.sleep(2)  # for it to do harm, if it can

    assert_each_level_once(desk, ids)


def test_three_beats_are_as_good_as_one(desk: Desk) -> None:
    desk.start_web()
    for _ in range(3):
        desk.start_beat()
    desk.start_worker()
    ids = desk.open(100)

    wait_until_escalated(desk)

    assert_each_level_once(desk, ids)


def test_after_ten_minutes_without_beat_late_levels_collapse_into_the_highest(desk: Desk) -> None:
    desk.start_web()
    desk.start_worker()
    ids = desk.open(100)
    desk.wait_until_triaged()  # a new priority would make them due now, not ten minutes ago
    # As if ten minutes had passed.
    desk.sql(
        """UPDATE sla_slaclock SET started_at = started_at - interval '10 min',
                  running_since = running_since - interval '10 min', due_at = due_at - interval '10 min',
                  next_check_at = next_check_at - interval '10 min'"""
    )
    _, health = desk.get("/health")
    assert any("not checked, the oldest for" in said for said in health["findings"])

    desk.start_beat()

    wait_until_escalated(desk)
    assert_each_level_once(desk, ids)
    assert desk.count("SELECT count(*) FROM sla_escalation WHERE NOT skipped") == len(ids)


def test_a_broker_that_loses_everything_delays_no_more_than_a_tick(desk: Desk) -> None:
    desk.start_web()
    desk.start_beat()
    desk.start_worker()
    ids = desk.open(50)

    for _ in range(6):
        desk.run_redis("FLUSHALL")
        time.sleep(0.5)

    wait_until_escalated(desk)
    assert_each_level_once(desk, ids)


def test_a_database_that_is_restarted_at_once_loses_and_repeats_nothing(desk: Desk) -> None:
    desk.start_web()
    desk.start_beat()
    desk.start_worker()
    ids = desk.open(100)
    time.sleep(2)

    desk.postgres.process.send_signal(signal.SIGQUIT)  # an immediate stop: it recovers from its log
    desk.postgres.process.wait(20)
    desk.postgres.restart()
    desk.start_beat()  # as the supervisor would, should it have died

    wait_until_escalated(desk, 60)
    assert_each_level_once(desk, ids)


def test_a_worker_two_hours_ahead_escalates_nothing_early(desk: Desk) -> None:
    desk.start_web()
    desk.start_beat()
    desk.start_worker()
    desk.start_worker(SKEW_SECONDS="7200")
    ids = desk.open(50)
    desk.wait_until_triaged()  # another priority would measure them by the calm policy
    publish(desk, "90m", [{"at": 85}, {"at": 100}])
    time.sleep(1.5)  # for every process to see it
    later = desk.open(50, "Printer")

    desk.wait_until_triaged()
    soon = "SELECT count(*) FROM sla_slaclock WHERE next_check_at < now() + interval '1 min'"
    desk.wait_for(lambda: desk.count(soon) == 0, IN_TIME, "the last level of the first tickets")

    assert desk.count("SELECT count(*) FROM sla_escalation WHERE ticket_id = ANY(%s)", later) == 0
    assert desk.count("SELECT count(*) FROM sla_escalation WHERE detected_at < due_at") == 0
    assert desk.count("SELECT count(*) FROM sla_escalation WHERE detected_at > now()") == 0
    assert desk.count("SELECT count(DISTINCT ticket_id) FROM sla_escalation") == len(ids)


def _children() -> list[int]:
    done = subprocess.run(["ps", "-eo", "pid="], capture_output=True, text=True, check=True)
    return [int(pid) for pid in done.stdout.split()]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""
