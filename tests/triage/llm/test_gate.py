from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models.functions import Now

from tests.factories import NOON, make_ticket
from tests.triage.llm.fake import FakeModel, Plan, said
from tickets.lifecycle import Status
from tickets.models import Ticket
from triage.llm.limits import BREAK_AFTER
from triage.llm.providers import Transient
from triage.models import LlmGate, LlmRequest, TriageDecision
from triage.services import answering, gate
from triage.services.gate import Shut, requeue_stale_questions

pytestmark = pytest.mark.django_db

Start = Callable[..., FakeModel]
DOWN = Plan(raw=b"{}", status=503)


@pytest.fixture
def waiting(triage_all: Any, settings: Any) -> Callable[[int], None]:
    """So many questions that wait."""

    def make(count: int) -> None:
        for _ in range(count):
            make_ticket(title="It does not work", description="Please help, thank you.")
        triage_all()

    return make


def ask() -> int:
    return answering.ask_llm(ids=[], now=datetime.now(UTC))


def test_a_message_for_one_question_carries_on_with_the_others(
    model: Start, waiting: Callable[[int], None]
) -> None:
    model()
    waiting(4)

    assert answering.ask_llm(ids=[LlmRequest.objects.latest("pk").pk], now=NOON) == 4


def test_after_failures_in_a_row_nobody_asks_until_a_probe_succeeds(
    model: Start, waiting: Callable[[int], None]
) -> None:
    server = model(*[DOWN] * (BREAK_AFTER + 1), said())
    waiting(BREAK_AFTER + 3)

    assert ask() == BREAK_AFTER
    assert ask() == 0
    assert LlmRequest.objects.filter(attempts=0).count() == 3  # those behind only wait
    LlmGate.objects.update(closed_until=Now())  # its rest is over
    assert ask() == 1  # the probe fails, and the gate shuts for longer
    assert gate.seconds_shut(endpoint=server.endpoint("ollama")) > 30
    LlmGate.objects.update(closed_until=Now())
    assert ask() == 2
    assert LlmGate.objects.get().failures == 0
    assert TriageDecision.objects.filter(refined=True).count() == 2


def test_a_question_that_no_proxy_lets_through_keeps_no_other_from_its_turn(
    model: Start, triage_all: Any
) -> None:
    model(lambda asked: Plan(raw=b"{}", status=403) if "DROP TABLE" in asked.text else said())
    make_ticket(title="It does not work", description="Please help: DROP TABLE tickets;")
    make_ticket(title="It does not work", description="Please help, thank you.")
    triage_all()
    bad, good = LlmRequest.objects.order_by("pk")

    assert ask() == 1  # and shuts the gate
    LlmGate.objects.update(closed_until=Now())
    ask()

    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.outcome, bad.state) == ("refined", "pending")


def test_while_a_probe_is_under_way_nobody_else_asks(
    model: Start, waiting: Callable[[int], None]
) -> None:
    endpoint = model().endpoint("ollama")
    waiting(2)
    gate.seconds_shut(endpoint=endpoint)
    LlmGate.objects.update(failures=BREAK_AFTER)

    first = gate.take_turn(endpoint=endpoint)
    second = gate.take_turn(endpoint=endpoint)

    assert not isinstance(first, Shut)
    assert isinstance(second, Shut)
    assert second.seconds > 10


def test_all_workers_together_make_so_many_calls_at_once(
    model: Start, waiting: Callable[[int], None], settings: Any
) -> None:
    settings.LLM_CONCURRENCY = 2
    endpoint = model().endpoint("ollama")
    waiting(3)

    turns = [gate.take_turn(endpoint=endpoint) for _ in range(3)]

    assert [isinstance(turn, Shut) for turn in turns] == [False, False, True]


def test_tokens_of_this_minute_are_not_exceeded_by_more_than_one_call(
    model: Start, waiting: Callable[[int], None], settings: Any
) -> None:
    settings.LLM_TOKENS_PER_MINUTE = 600
    server = model()  # 366 tokens a call
    waiting(5)

    assert ask() == 2
    assert ask() == 0
    assert len(server.asked) == 2
    assert LlmRequest.objects.filter(state="pending", attempts=0).count() == 3
    LlmGate.objects.update(allowance_at=NOON)  # a minute later

    assert ask() == 2


def test_a_repair_costs_its_tokens_too(
    model: Start, waiting: Callable[[int], None], settings: Any
) -> None:
    settings.LLM_TOKENS_PER_MINUTE = 6_000
    model(said("No."), said())  # 366 tokens a call
    waiting(1)

    assert ask() == 1

    assert LlmGate.objects.get().allowance == pytest.approx(6_000 - 2 * 366, abs=50)


def test_a_question_that_is_not_asked_costs_no_tokens_and_is_no_probe(
    model: Start, waiting: Callable[[int], None], settings: Any
) -> None:
    settings.LLM_TOKENS_PER_MINUTE = 6_000
    endpoint = model().endpoint("ollama")
    waiting(2)
    gate.seconds_shut(endpoint=endpoint)
    LlmGate.objects.update(failures=BREAK_AFTER)
    Ticket.objects.update(status=Status.CANCELLED)

    assert ask() == 2

    row = LlmGate.objects.get()
    assert row.allowance == pytest.approx(
        6_000, abs=300
    )  # a question costs 366, a second fills 100
    assert (row.failures, row.closed_until) == (BREAK_AFTER, None)
    assert LlmRequest.objects.filter(outcome="skipped").count() == 2


def test_a_failure_does_not_end_the_pause_that_another_caller_was_asked_for(model: Start) -> None:
    endpoint = model().endpoint("ollama")

    gate.note_failure(endpoint=endpoint, error=Transient("busy", retry_after=600))
    gate.note_failure(endpoint=endpoint, error=Transient("timeout"))

    assert gate.seconds_shut(endpoint=endpoint) > 590


def test_another_model_starts_with_a_clean_slate(
    model: Start, waiting: Callable[[int], None]
) -> None:
    model(Plan(raw=b"{}", status=401))
    waiting(1)
    ask()
    assert ask() == 0

    model(said())

    assert ask() == 1


def test_the_sweep_sends_as_many_messages_as_may_be_asked_and_none_while_the_gate_is_shut(
    model: Start,
    waiting: Callable[[int], None],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    endpoint = model(DOWN).endpoint("ollama")
    waiting(4)

    assert requeue_stale_questions() == settings.LLM_CONCURRENCY
    gate.note_failure(endpoint=endpoint, error=services_error())
    assert requeue_stale_questions() == 0
    settings.LLM = None
    assert requeue_stale_questions() == 0


def services_error() -> Any:
    from triage.llm.providers import Misconfigured

    return Misconfigured("no")


def test_a_question_whose_worker_died_is_asked_by_another(
    model: Start, waiting: Callable[[int], None]
) -> None:
    endpoint = model().endpoint("ollama")
    waiting(1)
    gate.take_turn(endpoint=endpoint)
    assert ask() == 0

    LlmRequest.objects.update(lease_until=NOON)

    assert ask() == 1
    assert LlmRequest.objects.get().attempts == 2


def test_a_question_that_kills_every_worker_is_buried(
    model: Start, waiting: Callable[[int], None]
) -> None:
    from workers.models import DeadLetter
    from workers.services import retry_dead_letters

    model()
    waiting(1)
    LlmRequest.objects.update(
        state="running", attempts=3, lease_token="00000000-0000-4000-8000-000000000000",
        lease_until=NOON, nudge_at=NOON,
    )  # fmt: skip

    assert ask() == 0
    assert requeue_stale_questions() == 1

    letter = DeadLetter.objects.get()
    assert LlmRequest.objects.get().state == "failed"
    retry_dead_letters(letters=[letter], actor="ada", now=NOON)
    assert ask() == 1
