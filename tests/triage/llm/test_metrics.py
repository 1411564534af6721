"""What `/metrics` says of the language model."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.triage.llm.fake import FakeModel, Plan
from tickets.models import Ticket
from triage.llm.limits import BREAK_AFTER
from triage.metrics import called, llm
from triage.models import LlmGate

pytestmark = pytest.mark.django_db
UNSURE = {"title": "It does not work", "description": "Please help, thank you."}


def measured() -> dict[tuple[str, ...], float]:
    """(name, label values) -> value."""
    return {(s.name, *s.labels.values()): s.value for family in llm() for s in family.samples}


def added_up() -> dict[tuple[str, ...], float]:
    """(name, label values that are no model's) -> what all calls of this test add up to."""
    with connection.cursor() as cursor:
        found = called(cursor, 0, 2**62)
        return {
            (name, *labels[2:]): value
            for amounts in found
            for (name, labels), value in amounts.items()
        }


def test_without_a_model_nothing_is_said() -> None:
    assert measured() == {}


def test_calls_tokens_seconds_and_outcomes_are_told(
    model: Callable[..., FakeModel], asked: Callable[..., Ticket]
) -> None:
    model()

    asked(**UNSURE)

    found, counted = measured(), added_up()
    assert counted["smartops_llm_calls_total", "answered"] == 1
    assert counted["smartops_llm_calls_total", "failed"] == 0
    assert counted["smartops_llm_tokens_total", "in"] > 0
    assert counted["smartops_llm_call_duration_seconds", "sum"] > 0
    assert found["smartops_llm_questions", "refined"] == 1
    assert (found["smartops_llm_waiting",], found["smartops_llm_breaker_open",]) == (0, 0)


def test_an_open_breaker_shows(model: Callable[..., FakeModel]) -> None:
    kept = model()
    LlmGate.objects.update_or_create(
        pk=LlmGate.ID,
        defaults={
            "endpoint": kept.endpoint("ollama").name,
            "failures": BREAK_AFTER,
            "failing_since": timezone.now() - timedelta(minutes=1),
        },
    )

    found = measured()

    assert found[("smartops_llm_breaker_open",)] == 1
    assert found[("smartops_llm_failures",)] == BREAK_AFTER


def test_what_waits_is_counted(
    model: Callable[..., FakeModel], asked: Callable[..., Ticket]
) -> None:
    model(Plan(status=500))

    asked(**UNSURE)

    found = measured()
    assert added_up()["smartops_llm_calls_total", "failed"] == 1
    assert found[("smartops_llm_waiting",)] == 1
    assert found["smartops_llm_questions", "unanswered"] == 1
