"""How a question to the language model ends: with an answer, without one, or because nobody waits any more."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from tickets.lifecycle import CATEGORY, Category, Status
from tickets.models import Ticket
from tickets.services import record_changes
from tickets.services.recording import lock
from triage.llm.answers import Answer
from triage.llm.judging import refine
from triage.llm.providers import Reply
from triage.models import LlmCall, LlmRequest, Prompt, TriageDecision, TriageJob
from triage.services.correcting import ACTOR
from triage.services.preparing import Question, given_of
from triage.services.running import Decided, Work, change_of, record_of
from workers import leases
from workers.leases import Claim
from workers.sql import insert_rows

log = structlog.get_logger("triage.llm")

_MILLION: Final = Decimal(1_000_000)


class Skip(Exception):
    """Nobody needs an answer any more. The message says why."""


def check_wanted(request: LlmRequest, ticket: Ticket | None = None) -> None:
    ticket = ticket or request.ticket
    if CATEGORY[Status(ticket.status)] is Category.RESOLVED:
        raise Skip(f"The ticket was {ticket.status} before there was an answer.")
    if TriageJob.objects.filter(ticket=ticket.pk, pk__gt=request.job_id).exists():
        raise Skip("A newer triage of the ticket takes its place.")


@transaction.atomic(durable=True)
def conclude(
    request: LlmRequest, question: Question, answer: Answer, held: Claim, now: datetime
) -> None:
    """Decide the ticket as it is now with the answer; write decision, ticket, event and the request's end."""
    # The ticket first, as everybody does who changes one.
    tickets = lock([request.ticket_id])
    if not tickets or not leases.finish(LlmRequest, held, [request.pk]):
        return  # deleted meanwhile, or we came too late: somebody else asks now
    [ticket] = tickets
    given = given_of(ticket, question.loaded)
    try:
        check_wanted(request, ticket)
        if given[:2] != question.given[:2]:
            raise Skip("The ticket's text changed before there was an answer.")
    except Skip as reason:
        _set_outcome(request, LlmRequest.Outcome.SKIPPED, question.prompt, str(reason))
        return
    decision = refine(given, question.evidence, question.loaded.knowledge, answer, question.bounds)
    spent = _spent(request)
    work = Work(
        request.job_id, ticket.pk, request.request_id, request.attempts, given, ticket.version
    )
    done = Decided(work, decision, float(spent.pop("milliseconds")))
    prompt = str(question.prompt)
    insert_rows(TriageDecision, [{**record_of(done), **spent, "refined": True, "prompt": prompt}])
    change = change_of(ticket, done, question.loaded)
    change.reason = f"The LLM refined it. {change.reason}"[:300]
    record_changes([change], actor=ACTOR, now=now)
    _set_outcome(request, LlmRequest.Outcome.REFINED, question.prompt)


def _spent(request: LlmRequest) -> dict[str, Any]:
    """What all calls of a request took."""
    names = ("milliseconds", "tokens_in", "tokens_out", "cost")
    found = LlmCall.objects.filter(request=request).aggregate(**{n: Sum(n) for n in names})
    return {name: value or 0 for name, value in found.items()}


@transaction.atomic(durable=True)
def skip(request: LlmRequest, held: Claim, reason: str) -> None:
    """End because nobody needs an answer any more."""
    if leases.finish(LlmRequest, held, [request.pk]):
        _set_outcome(request, LlmRequest.Outcome.SKIPPED, None, reason)


@transaction.atomic(durable=True)
def fall_back(request: LlmRequest, held: Claim, reason: str) -> None:
    """End without an answer: a decision that repeats the first one and says why there is no other."""
    if not leases.finish(LlmRequest, held, [request.pk]):
        return
    log.warning("no answer from the LLM", request=request.pk, reason=reason)
    prompt = Prompt.objects.filter(llmcall__request=request).order_by("-llmcall__pk").first()
    _set_outcome(request, LlmRequest.Outcome.FALLBACK, prompt, reason)
    first = TriageDecision.objects.filter(job=request.job_id, refined=False).values().first()
    if first is None:
        return
    row = {
        **{name: value for name, value in first.items() if name not in ("id", "created_at")},
        **_spent(request),
        "refined": True,
        "engines": [*first["engines"], "llm"],
        "prompt": str(prompt or ""),
        "fallback": reason[:2000],
    }
    insert_rows(TriageDecision, [row])


def _set_outcome(
    request: LlmRequest, outcome: LlmRequest.Outcome, prompt: Prompt | None, reason: str = ""
) -> None:
    LlmRequest.objects.filter(pk=request.pk).update(
        outcome=outcome, prompt=prompt, reason=reason[:2000]
    )


def cost_of(reply: Reply) -> Decimal:
    """US dollars, by the prices that the operator set."""
    price_in, price_out = (Decimal(str(p)) for p in (settings.LLM_PRICE_IN, settings.LLM_PRICE_OUT))
    return (reply.tokens_in * price_in + reply.tokens_out * price_out) / _MILLION
