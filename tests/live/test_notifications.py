"""Pain 15 with real processes: a message survives its worker, under the same id."""

import subprocess

from tests.live.desk import Desk
from tests.sla.receivers import receiver

ALLOWED = {"OUTGOING_ALLOW": "127.0.0.0/8", "NOTIFY_SWEEP_SECONDS": "1"}


def start_io(desk: Desk) -> subprocess.Popen[bytes]:
    """A worker as `workers.queues` has it: threads."""
    desk.environment |= ALLOWED
    return desk.spawn(
        "celery", "-q", "-A", "smartops", "worker", "-Q", "default,notify", "-P", "threads", "-c", "4",
        "--without-gossip", "--without-mingle", "-l", "WARNING", "-n", f"io{len(desk.processes)}@%h",
    )  # fmt: skip


def queue_test(desk: Desk, name: str, url: str) -> int:
    """Make a channel, queue a test message for it and return the message's id."""
    desk.environment |= ALLOWED
    done = desk.run_python(
        f"""
from django.utils import timezone
from sla.services.channels import create_channel, send_test
channel, _ = create_channel(values={{"name": {name!r}, "kind": "webhook", "address": {url!r}}})
print(send_test(channel=channel, actor="live", now=timezone.now()).pk)
"""
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.strip().splitlines()[-1])


def state(desk: Desk, pk: int) -> tuple[str, int]:
    [row] = desk.sql("SELECT state, attempts FROM sla_notification WHERE id = %s", pk)
    return row


def test_a_message_leaves_by_a_nudge_alone(desk: Desk) -> None:
    start_io(desk)
    with receiver() as there:
        pk = queue_test(desk, "nudged", there.url)  # no beat runs: nothing sweeps
        desk.wait_for(lambda: state(desk, pk) == ("sent", 1), 20, "the message")

    assert [r.headers["webhook-id"] for r in there.requests] == [f"msg_{pk}"]


def test_a_message_whose_nudge_was_lost_is_found_by_the_sweep(desk: Desk) -> None:
    with receiver() as there:
        pk = queue_test(desk, "lost", there.url)
        desk.run_redis("FLUSHALL")
        start_io(desk)
        desk.start_beat()
        desk.wait_for(lambda: state(desk, pk) == ("sent", 1), 30, "the message")

    assert len(there.requests) == 1


def test_a_message_whose_worker_was_killed_leaves_again_under_the_same_id(desk: Desk) -> None:
    with receiver(delay=8) as there:
        worker = start_io(desk)
        pk = queue_test(desk, "killed", there.url)
        desk.wait_for(lambda: len(there.requests) == 1, 20, "the first attempt")
        desk.kill_tree(worker)
        assert state(desk, pk) == ("sending", 1)
        there.delay = 0
        for table in ("sla_channel", "sla_notification"):  # as after 90 seconds
            desk.sql(f"UPDATE {table} SET lease_until = now() WHERE lease_until IS NOT NULL")
        start_io(desk)
        desk.start_beat()
        desk.wait_for(lambda: state(desk, pk) == ("sent", 2), 30, "the second attempt")

    assert [r.headers["webhook-id"] for r in there.requests] == [f"msg_{pk}"] * 2
