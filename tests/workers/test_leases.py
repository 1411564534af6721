"""The life of a row of work, on triage jobs."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from analytics.models import Export, ReportDelivery, ReportSchedule
from tests.factories import make_ticket
from triage.models import TrainingRun, TriageBatch, TriageJob
from workers import leases
from workers.leases import State
from workers.models import Tally

pytestmark = pytest.mark.django_db
LEASE = timedelta(seconds=60)


def make_job(**fields: object) -> TriageJob:
    make_ticket()
    job = TriageJob.objects.latest("pk")
    if fields:
        TriageJob.objects.filter(pk=job.pk).update(**fields)
        job.refresh_from_db()
    return job


def let_the_lease_run_out(*jobs: TriageJob) -> None:
    ids = [job.pk for job in jobs]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE triage_triagejob SET nudge_at = now() - interval '1 s', "
            "lease_until = CASE WHEN state = 'running' THEN now() - interval '1 s' END WHERE id = ANY(%s)",
            [ids],
        )


def test_a_claim_takes_a_row_and_counts_the_attempt() -> None:
    job = make_job()

    held = leases.claim(TriageJob, [job.pk], lease=LEASE)

    job.refresh_from_db()
    assert held.ids == (job.pk,)
    assert (job.state, job.attempts, job.lease_token) == (State.RUNNING, 1, held.token)


def test_the_second_of_two_claims_gets_nothing() -> None:
    job = make_job()
    leases.claim(TriageJob, [job.pk], lease=LEASE)

    assert leases.claim(TriageJob, [job.pk], lease=LEASE).ids == ()


def test_a_row_whose_lease_ran_out_is_claimed_again_but_only_alone() -> None:
    job, other = make_job(), make_job()
    leases.claim(TriageJob, [job.pk], lease=LEASE)
    let_the_lease_run_out(job)

    assert leases.claim(TriageJob, [job.pk, other.pk], lease=LEASE).ids == (other.pk,)
    assert leases.claim(TriageJob, [job.pk], lease=LEASE).ids == (job.pk,)


def test_a_worker_that_comes_back_late_finishes_nothing() -> None:
    job = make_job()
    late = leases.claim(TriageJob, [job.pk], lease=LEASE)
    let_the_lease_run_out(job)
    leases.claim(TriageJob, [job.pk], lease=LEASE)

    assert leases.finish(TriageJob, late, [job.pk]) == set()


def test_a_finished_row_is_never_claimed_again() -> None:
    job = make_job()
    held = leases.claim(TriageJob, [job.pk], lease=LEASE)

    assert leases.finish(TriageJob, held, [job.pk]) == {job.pk}
    assert leases.claim(TriageJob, [job.pk], lease=LEASE).ids == ()


def test_a_row_given_back_waits_for_its_next_attempt_with_its_error() -> None:
    job = make_job()
    held = leases.claim(TriageJob, [job.pk], lease=LEASE)

    failed = leases.give_back(TriageJob, held, job.pk, error="boom")

    job.refresh_from_db()
    assert not failed
    assert (job.state, job.error, job.lease_token) == (State.PENDING, "boom", None)


def test_a_row_given_back_after_its_last_attempt_is_failed() -> None:
    job = make_job(attempts=2)
    held = leases.claim(TriageJob, [job.pk], lease=LEASE)

    assert leases.give_back(TriageJob, held, job.pk, error="boom")
    job.refresh_from_db()
    assert job.state == State.FAILED


def test_a_row_that_got_on_is_put_back_with_all_its_attempts() -> None:
    job = make_job(attempts=2)
    held = leases.claim(TriageJob, [job.pk], lease=LEASE)

    assert leases.put_back(TriageJob, held, job.pk, seconds=60)

    job.refresh_from_db()
    assert (job.state, job.attempts, job.lease_token) == (State.PENDING, 0, None)
    assert leases.take_stale(TriageJob).together == []
    assert not leases.put_back(TriageJob, held, job.pk, seconds=60)


def test_the_sweep_finds_what_nobody_works_on() -> None:
    fresh, waiting, lost = make_job(), make_job(), make_job()
    leases.claim(TriageJob, [lost.pk], lease=LEASE)
    let_the_lease_run_out(waiting, lost)

    stale = leases.take_stale(TriageJob)

    assert (stale.together, stale.alone, stale.failed) == ([waiting.pk], [lost.pk], [])
    assert fresh.pk not in stale.together


def test_the_sweep_does_not_find_the_same_row_twice_in_a_row() -> None:
    job = make_job()
    TriageJob.objects.filter(pk=job.pk).update(nudge_at=job.created_at - timedelta(hours=1))
    leases.take_stale(TriageJob)

    assert leases.take_stale(TriageJob).together == []


def test_the_sweep_fails_what_killed_its_workers_too_often() -> None:
    job = make_job(attempts=2)
    leases.claim(TriageJob, [job.pk], lease=LEASE)
    let_the_lease_run_out(job)

    stale = leases.take_stale(TriageJob)

    job.refresh_from_db()
    assert stale.failed == [job.pk]
    assert (job.state, job.error, job.lease_token) == (State.FAILED, leases.LOST_WORKER, None)


def test_a_revived_row_has_all_its_attempts_again() -> None:
    job = make_job(attempts=3, state=State.FAILED, finished_at=Now())

    assert TriageJob.revive([job.pk]) == [job.pk]
    assert leases.claim(TriageJob, [job.pk], lease=LEASE).ids == (job.pk,)


def test_a_sweep_counts_what_it_sent_again_and_why() -> None:
    never_taken, taken, failed = make_job(), make_job(), make_job()
    leases.claim(TriageJob, [taken.pk], lease=LEASE)
    TriageJob.objects.filter(pk=failed.pk).update(attempts=3)
    let_the_lease_run_out(never_taken, taken, failed)

    leases.take_stale(TriageJob)

    counted = Tally.objects.filter(name=leases.RESENDS.name).values_list("labels", "value")
    assert {reason: value for (_, reason), value in counted} == {
        "message_lost": 1,
        "worker_lost": 1,
        "failed": 1,
    }


@pytest.mark.parametrize("kind", [Export, TrainingRun])
def test_what_a_stopped_worker_gave_back_is_no_lost_message(
    kind: type[leases.LeasedWork], agent: User
) -> None:
    values = {"owner": agent, "format": "csv"} if kind is Export else {"field": "category"}
    row = kind._default_manager.create(**values)
    leases.hand_back(kind, leases.claim(kind, [row.pk], lease=LEASE))
    kind._default_manager.update(nudge_at=Now() - timedelta(seconds=1))

    assert leases.take_stale(kind).together == [row.pk]

    counted = Tally.objects.filter(name=leases.RESENDS.name).values_list("labels", "value")
    assert [(labels[1], value) for labels, value in counted] == [("retry", 1)]


def test_what_was_put_back_to_be_looked_at_later_is_no_lost_message() -> None:
    """A report whose mail server asked for a pause, and a batch that waits for its jobs."""
    schedule = ReportSchedule.objects.create(name="weekly")
    day = date(2026, 3, 2)
    fresh, paused = (
        ReportDelivery.objects.create(
            schedule=schedule, first_day=day, last_day=day, time_zone="UTC", tries=tries,
            requested_by="ana",
        )
        for tries in (0, 1)
    )  # fmt: skip
    held = leases.claim(ReportDelivery, [paused.pk], lease=LEASE)
    leases.put_back(ReportDelivery, held, paused.pk, seconds=60)
    ReportDelivery.objects.update(nudge_at=Now() - timedelta(seconds=1))
    batches = [
        TriageBatch.objects.create(total_items=1, requested_by="ana", filled=n)
        for n in (False, True)
    ]
    TriageBatch.objects.update(nudge_at=Now() - timedelta(seconds=1))

    assert set(leases.take_stale(ReportDelivery).together) == {fresh.pk, paused.pk}
    assert set(leases.take_stale(TriageBatch).together) == {batch.pk for batch in batches}

    rows = Tally.objects.filter(name=leases.RESENDS.name).values_list("labels", "value")
    assert {tuple(labels): value for labels, value in rows} == {
        ("analytics.reportdelivery", "message_lost"): 1,
        ("analytics.reportdelivery", "retry"): 1,
        ("triage.triagebatch", "message_lost"): 1,
        ("triage.triagebatch", "retry"): 1,
    }
