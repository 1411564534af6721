"""What is told of rows of work: of the sweep only that it does not find what it should."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models.functions import Now
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tests.factories import make_ticket
from triage.models import TriageJob
from workers import leases, measuring
from workers.leases import State
from workers.names import TaskName

pytestmark = pytest.mark.django_db

LONG_AGO = Now() - timedelta(seconds=600)


def overrun() -> float:
    [found] = [
        sample.value
        for family in measuring.jobs()
        for sample in family.samples
        if sample.name == "smartops_job_lease_overrun_seconds"
        and sample.labels["kind"] == "triage.triagejob"
    ]
    return found


def test_a_row_that_no_sweep_found_is_told() -> None:
    make_ticket()
    TriageJob.objects.update(
        state=State.RUNNING, lease_token=uuid4(), lease_until=LONG_AGO, nudge_at=LONG_AGO
    )

    assert overrun() > 590


def test_a_row_that_a_sweep_found_and_that_waits_for_a_worker_is_not() -> None:
    make_ticket()
    TriageJob.objects.update(
        state=State.RUNNING, lease_token=uuid4(), lease_until=LONG_AGO, nudge_at=LONG_AGO
    )

    leases.take_stale(TriageJob)

    assert TriageJob.objects.filter(lease_until__lt=Now(), state=State.RUNNING).exists()
    assert overrun() == 0


def test_a_row_that_a_worker_holds_is_not() -> None:
    make_ticket()
    TriageJob.objects.update(
        state=State.RUNNING,
        lease_token=uuid4(),
        lease_until=Now() + timedelta(seconds=60),
        nudge_at=LONG_AGO,
    )

    assert overrun() == 0


def test_of_the_schedule_only_a_task_whose_every_row_is_off_is_told_to_be_off() -> None:
    every = IntervalSchedule.objects.create(every=15, period="seconds")
    for name, task, enabled in (
        ("off", TaskName.SLA_AUDIT, False),
        ("an old name", TaskName.SLA_CHECK_CLOCKS, False),
        ("on", TaskName.SLA_CHECK_CLOCKS, True),
        ("somebody else's", "their.task", False),
    ):
        PeriodicTask.objects.create(name=name, task=task, interval=every, enabled=enabled)

    told = {
        sample.labels["task"]: sample.value
        for family in measuring.signs_of_life()
        for sample in family.samples
        if sample.name == "smartops_schedule_switched_off"
    }

    assert told == {TaskName.SLA_AUDIT: 1, TaskName.SLA_CHECK_CLOCKS: 0}
