"""Workers die; tickets do not."""

import time

from tests.live.desk import Desk


def test_a_worker_killed_in_the_middle_of_a_chunk_loses_and_repeats_nothing(desk: Desk) -> None:
    worker = desk.start()
    ids = desk.open(300, "SLOW network")
    desk.wait_for(
        lambda: desk.count("SELECT count(*) FROM triage_triagejob WHERE state = 'running'") > 0,
        20,
        "a claim",
    )
    time.sleep(0.3)

    desk.kill_tree(worker)
    assert desk.unfinished() > 0
    desk.start_worker()

    desk.wait_until_triaged()
    desk.assert_each_has_exactly_one_result(ids)


def test_a_poison_ticket_ends_failed_with_its_reason_and_its_neighbours_are_triaged(
    desk: Desk,
) -> None:
    desk.start()
    good = desk.open(40)
    [poison] = desk.open(1, "POISON")
    good += desk.open(40)

    desk.wait_until_triaged(60)

    desk.assert_each_has_exactly_one_result(good)
    [(state, attempts, error)] = desk.sql(
        "SELECT state, attempts, error FROM triage_triagejob WHERE ticket_id = %s", poison
    )
    assert (state, attempts) == ("failed", 3)
    assert "worker died" in error
    [(status,)] = desk.sql("SELECT triage_status FROM tickets_ticket WHERE id = %s", poison)
    assert status == "failed"
    assert desk.count("SELECT count(*) FROM workers_deadletter WHERE settled_at IS NULL") == 1


def test_a_cured_poison_ticket_can_be_retried(desk: Desk) -> None:
    desk.start()
    [poison] = desk.open(1, "POISON")
    desk.wait_until_triaged(60)
    desk.sql("UPDATE tickets_ticket SET title = 'VPN is down' WHERE id = %s", poison)

    status, answer = desk.post("/api/v1/triage-jobs/batch/", {})

    assert (status, answer["status"], answer["total_items"]) == (202, "QUEUED", 1)
    desk.wait_until_triaged()
    assert (
        desk.count("SELECT count(*) FROM triage_triagedecision WHERE ticket_id = %s", poison) == 1
    )


def test_every_message_delivered_three_times_makes_one_result(desk: Desk) -> None:
    desk.start_web()
    ids = desk.open(200)
    again = desk.run_python(
        "from celery import current_app; import smartops\n"
        "from triage.models import TriageJob\n"
        "ids = list(TriageJob.objects.values_list('pk', flat=True))\n"
        "for _ in range(3):\n"
        "    for start in range(0, len(ids), 25):\n"
        "        current_app.send_task('triage.run_jobs', kwargs={'ids': ids[start:start + 25]}, queue='triage')"
    )
    assert again.returncode == 0, again.stderr

    desk.start_worker()
    desk.start_worker()

    desk.wait_until_triaged()
    time.sleep(1)  # the copies may still arrive
    desk.assert_each_has_exactly_one_result(ids)


def test_a_process_that_dies_between_commit_and_message_loses_nothing(desk: Desk) -> None:
    died = desk.run_python(
        "import os\n"
        "from django.utils import timezone\n"
        "from tickets.intake import TicketIn\n"
        "from tickets.services import open_tickets\n"
        "from workers import dispatch\n"
        "dispatch.Publisher.put = lambda *_, **__: os._exit(9)\n"
        "item = TicketIn.model_validate({'title': 'VPN is down'}, context={'now': timezone.now()})\n"
        "open_tickets(items=[item], actor='x', now=timezone.now())"
    )
    assert died.returncode == 9
    ids = [pk for (pk,) in desk.sql("SELECT id FROM tickets_ticket")]
    assert len(ids) == 1

    desk.start_beat()
    desk.start_worker()

    desk.wait_until_triaged()
    desk.assert_each_has_exactly_one_result(ids)
