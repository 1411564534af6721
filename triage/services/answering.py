"""Questions to the language model: claimed one at a time, asked outside any transaction, ended in one.

    the gate lets one through → read, render, mask → call (and one repair) → check → decide again, if still wanted

The ticket carries triage's own result all the while: whatever happens here delays nothing and takes nothing away.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from triage.llm import providers
from triage.llm.answers import (
    MOST_CHARACTERS,
    Answer,
    Unusable,
    read_answer,
    repair_request,
)
from triage.llm.endpoint import Endpoint
from triage.llm.providers import Misconfigured, ProviderError, Rejected, Reply, Transient, Turn
from triage.models import LlmCall, LlmRequest, Prompt
from triage.services import gate
from triage.services.concluding import Skip, check_wanted, conclude, cost_of, fall_back, skip
from triage.services.preparing import Fallback, Question, prepare
from workers import leases
from workers.dispatch import enqueue_each
from workers.leases import DEFAULT_ATTEMPTS, Claim
from workers.names import TaskName

log = structlog.get_logger("triage.llm")

#: After this time a worker lets others have its thread, and asks to go on.
RUN_SECONDS: Final = 20.0
#: A question that waited longer than this is of no use any more.
GIVE_UP: Final = timedelta(hours=24)


def ask_llm(*, ids: Sequence[int], now: datetime, run_seconds: float = RUN_SECONDS) -> int:
    """Ask about the tickets whose turn it is, while the gate lets us. Returns how many were asked about.

    `ids` only say that somebody waits.
    """
    endpoint, asked = settings.LLM, 0
    if endpoint is None:
        return 0
    end = time.monotonic() + run_seconds
    while time.monotonic() < end:
        held = gate.take_turn(endpoint=endpoint)
        if not isinstance(held, Claim):
            return asked
        _work_on(held.ids[0], held, endpoint, now)
        asked += 1
    _go_on()
    return asked


@transaction.atomic(durable=True)
def _go_on() -> None:
    enqueue_each(TaskName.TRIAGE_ASK_LLM, gate.waiting(1))


def _work_on(pk: int, held: Claim, endpoint: Endpoint, now: datetime) -> None:
    """Ask one claimed question and end it, or give it back. Raises nothing but what the database raises."""
    request = LlmRequest.objects.select_related("ticket").filter(pk=pk).first()
    if request is None:  # its ticket was deleted meanwhile
        gate.return_turn(endpoint=endpoint)
        return
    try:
        question = _question(request, endpoint, now)
        answer = _ask(request, question, endpoint)
        conclude(request, question, answer, held, now)
    except Skip as reason:
        skip(request, held, str(reason))
    except Fallback as reason:
        fall_back(request, held, str(reason))
    except Rejected as error:
        fall_back(request, held, str(error))
    except (Transient, Misconfigured) as error:
        _give_back(request, held, error)
    except Exception as error:  # a question that breaks us must not stop those behind it
        log.exception("question failed", request=pk)
        _fail(pk, held, f"{type(error).__name__}: {error}")


def _question(request: LlmRequest, endpoint: Endpoint, now: datetime) -> Question:
    try:
        return prepare(request.ticket, _prompt_of(request, now))
    except Exception:  # whatever it was, the model is not called
        gate.return_turn(endpoint=endpoint)
        raise


def _prompt_of(request: LlmRequest, now: datetime) -> Prompt:
    """The prompt to ask with, if the answer is still wanted."""
    check_wanted(request)
    if now - request.created_at > GIVE_UP:
        raise Fallback(f"It had waited for {GIVE_UP}: the LLM was away, or too busy.")
    prompt = Prompt.objects.for_owner(request.ticket.owner_id).first()
    if prompt is None:
        raise Fallback("No prompt is active and the default.")
    return prompt


def _ask(request: LlmRequest, question: Question, endpoint: Endpoint) -> Answer:
    """Call, and once more when the answer cannot be used.

    :raises ProviderError: a call brought nothing.
    :raises Fallback: the second answer cannot be used either.
    """
    turns = [Turn("user", question.rendered.user)]
    problems: Sequence[str] = ()
    for repair in (False, True):
        reply, answer, problems = _call(request, question, endpoint, turns, repair=repair)
        if answer is not None:
            return answer
        turns += [
            Turn("assistant", reply.text.strip()[:MOST_CHARACTERS] or "(nothing)"),
            Turn("user", repair_request(problems)),
        ]
    raise Fallback(f"The LLM's answer could not be used, nor its repair: {' '.join(problems)}")


def _call(
    request: LlmRequest,
    question: Question,
    endpoint: Endpoint,
    turns: Sequence[Turn],
    *,
    repair: bool,
) -> tuple[Reply, Answer | None, Sequence[str]]:
    """One call, with its line in the log whatever comes of it."""
    started = time.perf_counter()
    system = question.rendered.system
    try:
        reply = providers.ask(endpoint, system, turns, question.schema)
    except ProviderError as error:
        milliseconds = (time.perf_counter() - started) * 1000
        nothing = Reply("", 0, 0, milliseconds, endpoint.model)
        _note(request, question, endpoint, turns, nothing, str(error), repair, error)
        raise
    answer: Answer | None = None
    problems: Sequence[str] = ()
    try:
        answer = read_answer(reply.text, question.schema, sorted(question.bounds.fields))
    except Unusable as error:
        problems = error.problems
    _note(request, question, endpoint, turns, reply, " ".join(problems), repair, None)
    return reply, answer, problems


@transaction.atomic(durable=True)
def _note(
    request: LlmRequest,
    question: Question,
    endpoint: Endpoint,
    turns: Sequence[Turn],
    reply: Reply,
    problem: str,
    repair: bool,
    error: ProviderError | None,
) -> None:
    """Write a call's line, unless its ticket was deleted meanwhile, and tell the gate how it went."""
    mine = LlmRequest.objects.select_for_update(no_key=True).filter(pk=request.pk)
    if mine.values_list("pk", flat=True).first():
        LlmCall.objects.create(
            request=request,
            attempt=request.attempts,
            repair=repair,
            input=[
                {"role": "system", "content": question.rendered.system},
                *({"role": turn.role, "content": turn.text} for turn in turns),
            ],
            output=reply.text[:20_000],
            success=not problem,
            error=problem[:2000],
            provider=endpoint.provider,
            model=reply.model[:120],
            prompt=question.prompt,
            milliseconds=round(reply.milliseconds, 1),
            tokens_in=reply.tokens_in,
            tokens_out=reply.tokens_out,
            cost=cost_of(reply),
        )
    if error is None:
        tokens = reply.tokens_in + reply.tokens_out
        gate.note_success(endpoint=endpoint, tokens=tokens, repair=repair)
    else:
        gate.note_failure(endpoint=endpoint, error=error, repair=repair)


def _give_back(request: LlmRequest, held: Claim, error: Transient | Misconfigured) -> None:
    """Later again: the model's fault costs the question nothing, the rest one of its attempts."""
    asked_to_wait = isinstance(error, Transient) and error.retry_after is not None
    if asked_to_wait or isinstance(error, Misconfigured):
        with transaction.atomic(durable=True):
            gate.postpone(held, request.pk, error=str(error))
    elif request.attempts >= DEFAULT_ATTEMPTS:
        fall_back(request, held, f"After {request.attempts} attempts: {error}")
    else:
        _fail(request.pk, held, str(error))


@transaction.atomic(durable=True)
def _fail(pk: int, held: Claim, error: str) -> None:
    if leases.give_back(LlmRequest, held, pk, error=error):
        gate.bury([pk])
