import time

import psycopg

from tests.live.desk import Desk

WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def test_beat_ends_when_it_is_stopped_in_the_middle_of_a_query(desk: Desk) -> None:
    sent = "SELECT count(*) FROM django_celery_beat_periodictask WHERE last_run_at > now() - interval '5 s'"
    beat = desk.start_beat()
    desk.wait_for(lambda: desk.run_redis("LLEN", "smartops:default") > 2, 40, "ticks")

    with psycopg.connect(desk.postgres.url) as link:
        link.execute("LOCK TABLE django_celery_beat_periodictasks IN ACCESS EXCLUSIVE MODE")
        desk.wait_for(lambda: desk.count(WAITS) > 0, 30, "a query that waits")
        beat.terminate()
        end = time.monotonic() + 1
        desk.wait_for(lambda: time.monotonic() > end, 5, "the signal")
        assert beat.poll() is None

    assert beat.wait(10) == 0
    assert desk.count(sent) > 0  # what it sent is written down


def test_beat_ends_at_once_while_it_sleeps(desk: Desk) -> None:
    beat = desk.start_beat()
    desk.wait_for(lambda: desk.run_redis("LLEN", "smartops:default") > 2, 40, "ticks")

    beat.terminate()

    assert beat.wait(5) == 0
