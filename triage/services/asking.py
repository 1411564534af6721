"""Who is asked about: questions for the language model, written beside the decisions that they may refine."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from django.conf import settings

from triage.decide import Decision
from triage.models import AskPolicy, LlmRequest
from workers import leases
from workers.dispatch import enqueue_each
from workers.names import TaskName
from workers.sql import insert_rows

if TYPE_CHECKING:
    from triage.services.running import Decided

_ASKED: Final = frozenset({"category", "impact", "urgency"})


def ask_about(decided: Sequence["Decided"]) -> list[int]:
    """Write a question for each ticket that the model shall be asked about. The caller's transaction; nothing at
    all where no model is set up. Returns ids."""
    if settings.LLM is None or not decided:
        return []
    policies: dict[str | None, str] = dict(AskPolicy.objects.values_list("category__slug", "when"))
    general = policies.get(None, settings.LLM_ASK)
    wanted = [
        one
        for one in decided
        if is_asked(one.decision, policies.get(one.decision.category, general))
    ]
    row = {"state": leases.State.PENDING, "attempts": 0, "nudges": 0, "error": ""}
    ids = insert_rows(
        LlmRequest,
        [
            {
                **row,
                "job_id": one.work.job,
                "ticket_id": one.work.ticket,
                "request_id": one.work.request_id,
            }
            for one in wanted
        ],
        computed={"nudge_at": f"now() + make_interval(secs => {settings.NUDGE_SECONDS:d})"},
        returning=True,
    )
    enqueue_each(TaskName.TRIAGE_ASK_LLM, ids)
    return ids


def is_asked(decision: Decision, when: str) -> bool:
    """Whether the model is asked: never about what people decided wholly."""
    if all(decision.fields[name]["by"] == "person" for name in _ASKED):
        return False
    return when == AskPolicy.When.ALWAYS or (
        when == AskPolicy.When.UNSURE and decision.band != "auto"
    )
