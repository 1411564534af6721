"""Long work keeps its lease, and gives it back with its attempt when its worker is being stopped."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now

from tests.factories import make_ticket
from triage.models import TriageJob
from workers import keeping, leases, stopping
from workers.leases import State

LEASE = timedelta(seconds=60)


@pytest.fixture(autouse=True)
def nobody_stops() -> Iterator[None]:
    stopping.forget()
    yield
    stopping.forget()


def claimed() -> tuple[TriageJob, leases.Claim]:
    make_ticket()
    job = TriageJob.objects.latest("pk")
    TriageJob.objects.filter(pk=job.pk).update(attempts=1)
    return job, leases.claim(TriageJob, [job.pk], lease=LEASE)


@pytest.mark.django_db
def test_what_is_handed_back_has_its_attempt_again_and_is_found_at_once() -> None:
    job, held = claimed()

    assert leases.hand_back(TriageJob, held) == 1
    job.refresh_from_db()

    assert (job.state, job.attempts, job.lease_until) == (State.PENDING, 1, None)
    assert TriageJob.objects.filter(pk=job.pk, nudge_at__lte=Now()).exists()
    assert leases.finish(TriageJob, held, [job.pk]) == set()
    assert leases.hand_back(TriageJob, held) == 0


@pytest.mark.django_db
def test_work_is_let_go_only_when_patience_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    job, held = claimed()

    assert not keeping.let_go(TriageJob, held)
    stopping.ask()
    assert not keeping.let_go(TriageJob, held)
    monkeypatch.setattr(keeping, "PATIENCE", 0.0)
    assert keeping.let_go(TriageJob, held)

    job.refresh_from_db()
    assert job.state == State.PENDING


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("gives_back", "state"), [(True, "pending"), (False, "running")])
def test_the_thread_that_keeps_a_lease_gives_it_back(
    monkeypatch: pytest.MonkeyPatch, gives_back: bool, state: str
) -> None:
    monkeypatch.setattr(keeping, "PATIENCE", 0.0)
    monkeypatch.setattr(keeping, "TICK_SECONDS", 0.01)
    looked = threading.Event()
    real = keeping.renew

    def renew(*given: object, **options: object) -> bool:
        looked.set()
        return real(*given, **options)  # type: ignore[arg-type]

    def let_go(*given: object) -> bool:
        done = real_let_go(*given)  # type: ignore[arg-type]
        looked.set()
        return done

    real_let_go = keeping.let_go
    monkeypatch.setattr(keeping, "renew", renew)
    monkeypatch.setattr(keeping, "let_go", let_go)
    with transaction.atomic():
        job, held = claimed()
    stopping.ask()

    with keeping.kept(TriageJob, held, lease=timedelta(seconds=0.1), gives_back=gives_back):
        assert looked.wait(10)

    job.refresh_from_db()
    assert job.state == state


def test_processes_that_were_forked_before_hear_of_it() -> None:
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:  # no test code after this: it ends here
        os.write(told, b".")
        end = time.monotonic() + 10
        while not stopping.stopping_for() and time.monotonic() < end:
            time.sleep(0.01)  # memory tells nobody that it has changed
        os._exit(0 if stopping.stopping_for() else 1)
    os.read(ready, 1)
    try:
        stopping.ask()
        assert os.waitpid(child, 0)[1] == 0
    except BaseException:
        os.kill(child, signal.SIGKILL)
        raise
