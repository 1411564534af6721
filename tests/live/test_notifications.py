"""Pain 15 with real processes: a message survives its worker, under the same id."""

import subprocess

from tests.live.desk import Desk
from tests.live.test_sla_faults import publish
from tests.sla.receivers import hang, raw_server, receiver

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


def make_channels(desk: Desk, addresses: dict[str, str]) -> None:
    """Webhooks that get every alert."""
    desk.environment |= ALLOWED
    done = desk.run_python(
        f"""
from sla.models import ChannelRoute
from sla.services.channels import create_channel
for name, address in {addresses!r}.items():
    channel, _ = create_channel(values={{"name": name, "kind": "webhook", "address": address}})
    ChannelRoute.objects.create(channel=channel)
"""
    )
    assert done.returncode == 0, done.stderr


def test_bad_receivers_and_dying_workers_delay_no_good_receiver_and_every_message_ends_once(
    desk: Desk,
) -> None:
    publish(desk, "2s", [{"at": 50}, {"at": 100}])
    error, again = (500, {}, b"no"), (429, {"Retry-After": "1"}, b"later")
    with (
        receiver() as good,
        receiver(error, error, (200, {}, b"")) as ill,
        receiver(again, (200, {}, b"")) as busy,
        receiver((404, {}, b"")) as gone,
        raw_server(hang) as hanging,
        raw_server(lambda link: link.sendall(b"what?")) as babbling,
    ):
        addresses = {"ill": ill.url, "busy": busy.url, "gone": gone.url, "good": good.url}
        make_channels(desk, {**addresses, "hanging": hanging, "babbling": babbling})
        desk.start_web()
        desk.start_beat()
        desk.start_worker()
        worker = start_io(desk)
        ids = desk.open(12)
        desk.wait_for(lambda: len(good.requests) > 3, 30, "the first alerts")
        desk.kill_tree(worker)
        start_io(desk)
        desk.wait_for(lambda: _hurry(desk, "good") == 0, 40, "the good receiver's alerts")
        desk.wait_for(lambda: _hurry(desk, "ill") + _hurry(desk, "busy") == 0, 40, "the others'")
        desk.wait_for(lambda: _age(desk) == 0, 60, "every end")

        told = {request.headers["webhook-id"] for request in good.requests}

    alerts = desk.count("SELECT count(*) FROM sla_escalation WHERE NOT skipped")
    assert alerts >= len(ids)
    assert len(told) == alerts  # a repetition has the same id
    rows = desk.sql(
        """SELECT c.name, n.state, n.outcome, count(*), count(DISTINCT n.escalation_id)
             FROM sla_notification n JOIN sla_channel c ON c.id = n.channel_id GROUP BY 1, 2, 3"""
    )
    ends = {(name, state, outcome) for name, state, outcome, *_ in rows}
    assert {(name, "sent", "") for name in ("good", "ill", "busy")} <= ends
    assert ends & {("hanging", "sent", ""), ("babbling", "sent", ""), ("gone", "sent", "")} == set()
    assert all(count == distinct for *_, count, distinct in rows)
    assert desk.sql("SELECT name FROM sla_channel WHERE NOT enabled") == [("gone",)]


def _hurry(desk: Desk, channel: str) -> int:
    """As if pauses were over; return how many of its messages have not ended."""
    desk.sql("UPDATE sla_channel SET next_attempt_at = NULL")
    desk.sql("UPDATE sla_notification SET next_attempt_at = now() WHERE state = 'retrying'")
    _end_dead_leases(desk)
    return desk.count(
        """SELECT count(*) FROM sla_notification n JOIN sla_channel c ON c.id = n.channel_id
            WHERE n.state IN ('queued', 'sending', 'retrying') AND c.name = %s""",
        channel,
    )


def _end_dead_leases(desk: Desk) -> None:
    """Those that nobody has renewed for 15 seconds, which is longer than any attempt takes."""
    for table in ("sla_channel", "sla_notification"):
        desk.sql(
            f"UPDATE {table} SET lease_until = now() WHERE lease_until < now() + interval '75 seconds'"
        )


def _age(desk: Desk) -> int:
    """As if a day had passed for what waits; return how many messages have not ended."""
    _end_dead_leases(desk)
    desk.sql("UPDATE sla_notification SET give_up_at = now() WHERE state IN ('queued', 'retrying')")
    return desk.count(
        "SELECT count(*) FROM sla_notification WHERE state IN ('queued', 'sending', 'retrying')"
    )
