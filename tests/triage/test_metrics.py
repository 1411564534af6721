"""What is counted of triage: decisions, how long they took, and what people made of them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from tests.counting import counted
from tests.factories import NOON, make_ticket
from triage import metrics
from triage.models import Correction, TriageBatch, TriageDecision, TriageJob
from triage.services import run_jobs
from workers.tallies import SUM

pytestmark = pytest.mark.django_db


def decide(*, waited: float, batch: TriageBatch | None = None) -> TriageJob:
    """Triage a ticket whose job has waited so many seconds."""
    ticket = make_ticket(title="VPN down for the whole office")
    jobs = TriageJob.objects.filter(ticket=ticket)
    jobs.update(created_at=Now() - timedelta(seconds=waited), batch=batch)
    job = jobs.get()
    decided_at = job.created_at + timedelta(seconds=waited)
    run_jobs(ids=[job.pk], now=datetime.now(UTC), decided_at=decided_at)
    return job


def add_decision(job: TriageJob, *, band: str, refined: bool = False) -> TriageDecision:
    return TriageDecision.objects.create(
        job=job, ticket_id=job.ticket_id, category="hr", impact=2, urgency=2, priority=3, department="HR",
        confidence=0.9, band=band, refined=refined, fields={}, input_hash="x", milliseconds=1,
    )  # fmt: skip


def test_decisions_are_counted_by_band_and_those_of_the_language_model_apart() -> None:
    job = decide(waited=1)
    first = TriageDecision.objects.get()
    make_ticket()
    other = TriageJob.objects.latest("pk")
    add_decision(other, band="review")
    add_decision(job, band="auto", refined=True)
    add_decision(other, band="auto", refined=True)

    assert counted(metrics.decided, metrics.DECISIONS, after=first.pk) == {
        ("review", "false"): 1,
        ("auto", "true"): 2,
    }
    assert counted(metrics.decided, metrics.DECISIONS)[first.band, "false"] >= 1


def test_the_wait_for_a_first_decision_is_measured_and_batches_apart() -> None:
    batch = TriageBatch.objects.create(total_items=1, requested_by="ana", filled=True)
    for waited in (0.2, 0.2, 20):
        add_decision(decide(waited=waited), band="auto", refined=True)  # is no wait
    decide(waited=200, batch=batch)

    found = counted(metrics.decided, metrics.LATENCY)

    assert found["triage", "0.25"] == 2
    assert found["triage", "30.0"] == 1
    assert found["bulk", "300.0"] == 1
    assert found["triage", SUM] == pytest.approx(20.4, abs=0.5)
    assert found["bulk", SUM] == pytest.approx(200, abs=0.5)


def test_what_people_made_of_decided_fields_is_counted_by_field() -> None:
    ticket = make_ticket()
    for field, agreed in (
        ("category", True),
        ("category", False),
        ("category", False),
        ("impact", True),
    ):
        Correction.objects.create(
            ticket=ticket, field=field, value="x", agreed=agreed, via="ticket", by="ana", at=NOON
        )

    assert counted(metrics.judged, metrics.VERDICTS) == {
        ("category", "agreed"): 1,
        ("category", "overridden"): 2,
        ("impact", "agreed"): 1,
    }
