import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import NOON, make_ticket
from tests.triage.llm.fake import KEY, FakeModel, Plan, dead_url, said, wire
from tickets import services as tickets
from tickets.lifecycle import Status
from tickets.models import Category, Ticket, TicketEvent, TriageStatus
from triage import services
from triage.llm import providers
from triage.llm.endpoint import Endpoint
from triage.llm.limits import BREAK_AFTER
from triage.models import (
    AskPolicy,
    LlmCall,
    LlmGate,
    LlmRequest,
    Prompt,
    TriageDecision,
    TriageJob,
)
from triage.services import answering, gate
from triage.services.prompts import new_version
from workers.models import DeadLetter

pytestmark = pytest.mark.django_db

Start = Callable[..., FakeModel]
Ask = Callable[..., Ticket]
#: Rules and classifier know too little of it to act alone.
VAGUE = {"title": "It does not work", "description": "Please help, thank you."}


def ask(now: datetime | None = None) -> int:
    ids = list(LlmRequest.objects.filter(state="pending").values_list("pk", flat=True))
    return answering.ask_llm(ids=ids, now=now or datetime.now(UTC))


def refined(ticket: Ticket) -> TriageDecision:
    return TriageDecision.objects.get(ticket=ticket, refined=True)


def test_an_unsure_ticket_is_refined_by_the_models_answer(model: Start, asked: Ask) -> None:
    model(said())

    ticket = asked(**VAGUE)

    decision = refined(ticket)
    assert ticket.category is not None
    assert (ticket.category.slug, decision.category) == ("network", "network")
    assert (ticket.impact, ticket.urgency) == (2, 2)
    assert (ticket.group.name, ticket.triage_status) == ("Network", TriageStatus.NEEDS_REVIEW)
    assert decision.engines[-1] == "llm"
    assert decision.prompt == "ticket-triage v1"
    assert "They cannot reach the VPN." in decision.fields["category"]["why"]
    assert (decision.tokens_in, decision.tokens_out, decision.fallback) == (321, 45, "")
    event = TicketEvent.objects.filter(ticket=ticket).latest("pk")
    assert event.reason.startswith("The LLM refined it.")
    assert LlmRequest.objects.get().outcome == "refined"


def test_without_a_model_nothing_is_written_and_nothing_is_queried(triage_all: Any) -> None:
    make_ticket(**VAGUE)

    with CaptureQueriesContext(connection) as captured:
        triage_all()

    assert not LlmRequest.objects.exists()
    assert not [q for q in captured if "llm" in q["sql"] or "askpolicy" in q["sql"]]


def test_the_number_of_queries_does_not_grow_with_the_chunk(model: Start) -> None:
    model()

    def queries(count: int) -> int:
        made = [make_ticket(**VAGUE).pk for _ in range(count)]
        ids = list(TriageJob.objects.filter(ticket__in=made).values_list("pk", flat=True))
        with CaptureQueriesContext(connection) as captured:
            services.run_jobs(ids=ids, now=NOON)
        return len(captured)

    # Twice: now and then one run reads again what is kept for some seconds.
    queries(1)
    assert min(queries(30), queries(30)) == min(queries(2), queries(2))
    assert LlmRequest.objects.count() == 65


@pytest.mark.parametrize(
    ("general", "own", "expected"),
    [
        ("never", None, 0),
        ("unsure", None, 1),
        ("always", None, 2),
        ("always", "never", 1),
        ("never", "always", 1),
    ],
)
def test_the_policy_says_about_whom_the_model_is_asked(
    model: Start, triage_all: Any, general: str, own: str | None, expected: int
) -> None:
    model()
    AskPolicy.objects.create(when=general)
    if own:
        AskPolicy.objects.create(category=Category.objects.get(slug="network"), when=own)
    make_ticket(**VAGUE)
    make_ticket(
        title="VPN down for the whole office", description="VPN: nobody can connect to the VPN."
    )

    triage_all()

    sure = TriageDecision.objects.get(category="network")
    assert sure.band == "auto", sure.fields
    assert LlmRequest.objects.count() == expected


def test_nobody_is_asked_about_what_people_decided_wholly(
    model: Start, triage_all: Any, settings: Any
) -> None:
    model()
    settings.LLM_ASK = "always"
    make_ticket(**VAGUE, category="hr", impact=1, urgency=1)

    triage_all()

    assert not LlmRequest.objects.exists()


def test_one_repair_call_quotes_the_errors(model: Start, asked: Ask) -> None:
    server = model(said({"category": "magic", "impact": 9}), said())

    ticket = asked(**VAGUE)

    assert refined(ticket).category == "network"
    first, second = LlmCall.objects.order_by("pk")
    assert (first.success, first.repair, second.success, second.repair) == (
        False,
        False,
        True,
        True,
    )
    assert "magic" in server.asked[1].text
    assert "9 is not one of" in server.asked[1].text
    assert refined(ticket).tokens_in == 2 * 321


def test_after_a_useless_repair_triages_own_result_stays_and_says_why(
    model: Start, asked: Ask
) -> None:
    model(said("I am sorry, Dave."))

    ticket = asked(**VAGUE)

    first = TriageDecision.objects.get(ticket=ticket, refined=False)
    fallen = refined(ticket)
    assert LlmCall.objects.count() == 2
    assert "no JSON object" in fallen.fallback
    assert (fallen.category, fallen.band) == (first.category, first.band)
    assert LlmRequest.objects.get().outcome == "fallback"
    assert ticket.category.slug == first.category


@pytest.mark.parametrize(
    ("answer", "quoted"), [(" \n ", "(nothing)"), ("x" * 300_000, "x" * 20_000)]
)
def test_a_repair_quotes_of_an_answer_what_a_model_can_be_sent(
    model: Start, asked: Ask, answer: str, quoted: str
) -> None:
    server = model(said(answer), said())

    asked(**VAGUE)

    assert server.asked[1].body["messages"][2]["content"] == quoted


@pytest.fixture
def while_it_thinks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Do something between the question and its answer."""

    def arrange(action: Callable[[], Any]) -> None:
        def call(*args: Any) -> Any:
            action()
            return ask_really(*args)

        ask_really = providers.ask
        monkeypatch.setattr(providers, "ask", call)

    return arrange


def test_what_a_person_sets_while_the_model_thinks_stays(
    model: Start, asked: Ask, while_it_thinks: Any
) -> None:
    def label() -> None:
        tickets.change_tickets(
            ids=[Ticket.objects.get().pk],
            values={"category": "hr", "impact": 3},
            actor="ana",
            now=NOON,
        )

    model()
    while_it_thinks(label)

    ticket = asked(**VAGUE)

    assert (ticket.category.slug, ticket.impact, ticket.urgency) == ("hr", 3, 2)
    assert ticket.priority == 4  # of her impact, not of the model's
    assert refined(ticket).fields["category"]["by"] == "person"


@pytest.mark.parametrize("how", ["resolved", "reworded", "triaged again"])
def test_an_answer_that_comes_too_late_changes_nothing(
    model: Start, asked: Ask, while_it_thinks: Any, how: str
) -> None:
    def act() -> None:
        ids = [Ticket.objects.get().pk]
        if how == "resolved":
            tickets.move_tickets(ids=ids, status=Status.RESOLVED, actor="ana", now=NOON)
        elif how == "reworded":
            tickets.change_tickets(ids=ids, values={"title": "Other"}, actor="ana", now=NOON)
        else:
            services.retriage(ids=ids, requested_by="ana")

    model()
    while_it_thinks(act)

    ticket = asked(**VAGUE)

    assert ticket.category.slug != "network"
    assert LlmRequest.objects.earliest("pk").outcome == "skipped"
    assert not TriageDecision.objects.filter(refined=True).exists()


def test_a_ticket_resolved_before_the_call_costs_none(model: Start) -> None:
    server = model()
    ticket = make_ticket(**VAGUE)
    services.run_jobs(ids=[TriageJob.objects.get().pk], now=NOON)
    tickets.move_tickets(ids=[ticket.pk], status=Status.RESOLVED, actor="ana", now=NOON)

    ask()

    assert server.asked == []
    assert LlmRequest.objects.get().outcome == "skipped"


def test_the_same_message_three_times_asks_once(model: Start, triage_all: Any) -> None:
    server = model()
    make_ticket(**VAGUE)
    triage_all()
    ids = list(LlmRequest.objects.values_list("pk", flat=True))

    for _ in range(3):
        answering.ask_llm(ids=ids, now=NOON)

    assert len(server.asked) == 1
    assert TriageDecision.objects.filter(refined=True).count() == 1


def test_a_worker_that_comes_back_after_its_lease_changes_nothing(
    model: Start, asked: Ask, while_it_thinks: Any
) -> None:
    model()
    # What another worker does when the lease has run out.
    while_it_thinks(lambda: LlmRequest.objects.update(lease_token=uuid.uuid4()))

    ticket = asked(**VAGUE)

    assert ticket.category.slug != "network"
    assert LlmRequest.objects.get().state == "running"
    assert not TriageDecision.objects.filter(refined=True).exists()


def test_a_failing_model_gets_three_attempts_and_then_the_first_result_stays(
    model: Start, asked: Ask
) -> None:
    server = model(Plan(raw=b"{}", status=500))

    ticket = asked(**VAGUE)
    for _ in range(3):
        LlmRequest.objects.update(nudge_at=NOON)
        ask()

    assert len(server.asked) == 3
    assert "After 3 attempts" in refined(ticket).fallback
    assert LlmRequest.objects.get().state == "done"
    assert not DeadLetter.objects.exists()
    assert list(LlmCall.objects.order_by("pk").values_list("attempt", flat=True)) == [1, 2, 3]


@pytest.mark.parametrize("odd", ["a\x00b", "half \ud800 of one", "\U0001f600" * 300])
def test_odd_characters_in_an_answer_are_kept_as_far_as_they_can_be(
    model: Start, asked: Ask, odd: str
) -> None:
    model(said(f"No. {odd}"), said(why=odd))

    ticket = asked(**VAGUE)

    assert refined(ticket).category == "network"
    assert LlmCall.objects.count() == 2


def test_absurd_counts_of_tokens_do_no_harm(model: Start, asked: Ask) -> None:
    body = {
        **wire("/api/chat", json.dumps(said().text)),
        "prompt_eval_count": 10**30,
        "eval_count": -5,
        "model": "m" * 500,
    }
    model(Plan(raw=json.dumps(body).encode()))

    assert refined(asked(**VAGUE)).tokens_out == 0


def test_a_ticket_that_is_deleted_takes_its_question_along(
    model: Start, triage_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = model()
    ticket = make_ticket(**VAGUE)
    triage_all()
    take_turn = gate.take_turn

    def too_late(**given: Any) -> Any:
        turn = take_turn(**given)
        Ticket.objects.filter(pk=ticket.pk).delete()
        return turn

    monkeypatch.setattr(gate, "take_turn", too_late)

    assert ask() == 1
    assert server.asked == []


def test_a_ticket_that_is_deleted_while_the_model_thinks_leaves_no_trace_but_the_gates(
    model: Start, triage_all: Any, while_it_thinks: Any
) -> None:
    model()
    ticket = make_ticket(**VAGUE)
    triage_all()
    while_it_thinks(lambda: tickets.delete_tickets(ids=[ticket.pk], actor="ana", now=NOON))
    gate.seconds_shut(endpoint=settings.LLM)
    LlmGate.objects.update(failures=BREAK_AFTER)

    assert ask() == 1

    connection.check_constraints()
    assert not LlmCall.objects.exists()
    assert LlmGate.objects.get().failures == 0  # the probe was answered


def test_a_rejected_call_falls_back_at_once(model: Start, asked: Ask) -> None:
    server = model(Plan(raw=b'{"error": "prompt is too long"}', status=400))

    ticket = asked(**VAGUE)

    assert len(server.asked) == 1
    assert "prompt is too long" in refined(ticket).fallback
    assert LlmGate.objects.get().failures == 0


def test_a_wrong_key_shuts_the_gate_and_costs_no_question_an_attempt(
    model: Start, asked: Ask
) -> None:
    server = model(Plan(raw=b'{"error": "no"}', status=401))

    ticket = asked(**VAGUE)
    ask()

    request = LlmRequest.objects.get()
    assert len(server.asked) == 1
    assert (request.state, request.attempts) == ("pending", 0)
    assert not TriageDecision.objects.filter(ticket=ticket, refined=True).exists()
    assert KEY not in LlmCall.objects.get().error + LlmGate.objects.get().reason


def test_retry_after_is_kept(model: Start, asked: Ask) -> None:
    server = model(Plan(raw=b"{}", status=429, headers={"Retry-After": "60"}), said())

    asked(**VAGUE)
    assert ask() == 0

    assert len(server.asked) == 1
    LlmGate.objects.update(closed_until=None)
    assert ask() == 1
    assert TriageDecision.objects.filter(refined=True).count() == 1


def test_a_question_that_breaks_us_ends_as_a_dead_letter(
    model: Start, asked: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError("boom")

    model()
    monkeypatch.setattr("triage.services.answering.prepare", breaks)

    asked(**VAGUE)
    for _ in range(3):
        LlmRequest.objects.update(nudge_at=NOON)
        ask()

    assert LlmRequest.objects.get().state == "failed"
    assert "boom" in DeadLetter.objects.get().reason


def test_an_old_question_is_not_asked_any_more(model: Start, asked: Ask, triage_all: Any) -> None:
    server = model()
    ticket = make_ticket(**VAGUE)
    triage_all()

    ask(datetime.now(UTC) + timedelta(days=2))

    assert server.asked == []
    assert "had waited" in refined(ticket).fallback


def test_calls_are_logged_with_input_output_latency_tokens_and_cost(
    model: Start, asked: Ask, settings: Any
) -> None:
    model(said(), provider="openai")
    settings.LLM_PRICE_IN, settings.LLM_PRICE_OUT = 3.0, 15.0

    ticket = asked(**VAGUE)

    call = LlmCall.objects.get()
    assert [turn["role"] for turn in call.input] == ["system", "user"]
    assert "It does not work" in call.input[1]["content"]
    assert "network" in call.output
    assert (call.tokens_in, call.tokens_out) == (321, 45)
    assert call.cost == Decimal("0.001638")
    assert call.milliseconds > 0
    assert refined(ticket).cost == call.cost


def test_personal_data_does_not_leave_the_machine(model: Start, asked: Ask, settings: Any) -> None:
    private = {
        "title": "ann@example.com cannot log in",
        "description": "password: hunter22 from 10.1.2.3, card 4111 1111 1111 1111",
    }
    server = model()

    asked(**private)

    for secret in ("ann@example.com", "hunter22", "10.1.2.3", "4111"):
        assert secret not in server.asked[0].text
        assert secret not in str(LlmCall.objects.get().input)
    settings.LLM_MASK = False
    asked(**private)
    assert "ann@example.com" in server.asked[1].text


def test_the_owners_newest_active_prompt_is_asked_else_the_default(
    model: Start, asked: Ask
) -> None:
    owner = "7a9d3b6e-0000-4000-8000-000000000001"
    default = Prompt.objects.get()
    content = {
        name: getattr(default, name) for name in ("input_schema", "output_schema", "invariants")
    }
    server = model()
    for number, active in ((1, True), (2, True), (3, False)):
        new_version(
            name="mine",
            owner_id=owner,
            active=active,
            by="ada",
            content={**content, "system": f"Owner's {number}", "template": "{{ description }}"},
        )

    mine = asked(**VAGUE, owner_id=owner)
    other = asked(**VAGUE)

    assert "Owner's 2" in server.asked[0].text
    assert (refined(mine).prompt, refined(other).prompt) == ("mine v2", "ticket-triage v1")


def test_a_prompt_that_cannot_be_rendered_falls_back(model: Start, asked: Ask) -> None:
    server = model()
    default = Prompt.objects.get()
    default.pk, default.version, default.is_default = None, 2, False
    default.system = "{{ nonsense }}"
    default.save(force_insert=True)
    Prompt.objects.filter(is_default=True).update(is_default=False)
    Prompt.objects.filter(version=2).update(is_default=True)

    ticket = asked(**VAGUE)

    assert server.asked == []
    assert "nonsense" in refined(ticket).fallback


def test_a_dead_address_is_only_a_pause(asked: Ask, settings: Any) -> None:
    settings.LLM = Endpoint("ollama", dead_url(), "tiny", "", 1.0)

    ticket = asked(**VAGUE)

    assert ticket.triage_status != TriageStatus.PENDING
    request = LlmRequest.objects.get()
    assert (request.state, request.attempts) == ("pending", 1)
    assert "connection" in request.error
