"""The log of a job: every attempt of every engine, as one list."""

from decimal import Decimal
from typing import Any

from triage.models import LlmCall, TriageJob
from triage.models.decisions import TriageDecision

_DECIDED = (
    "category",
    "impact",
    "urgency",
    "priority",
    "department",
    "group",
    "confidence",
    "band",
)
_NOTHING: dict[str, Any] = {
    "repair": False,
    "error": "",
    "model": "",
    "prompt": "",
    "input": None,
    "output": None,
    "milliseconds": None,
    "tokens_in": 0,
    "tokens_out": 0,
    "cost": Decimal(0),
}


def log_of(job: TriageJob) -> list[dict[str, Any]]:
    """Return triage's attempts, then the calls to the language model, each oldest first."""
    failed = [
        {
            **_NOTHING,
            "engine": "triage",
            "attempt": attempt.attempt,
            "success": False,
            "error": attempt.error,
            "at": attempt.at,
        }
        for attempt in job.failed_attempts.order_by("pk")
    ]
    decided = TriageDecision.objects.filter(job=job, refined=False)
    calls = LlmCall.objects.filter(request__job=job).select_related("prompt").order_by("pk")
    return [*failed, *(_of(row, job) for row in decided), *map(_call, calls)]


def _of(decision: TriageDecision, job: TriageJob) -> dict[str, Any]:
    return {
        **_NOTHING,
        "engine": "triage",
        "attempt": job.attempts,
        "success": True,
        "model": decision.model,
        "input": {"input_hash": decision.input_hash},
        "output": {name: getattr(decision, name) for name in _DECIDED},
        "milliseconds": decision.milliseconds,
        "at": decision.created_at,
    }


def _call(call: LlmCall) -> dict[str, Any]:
    same = ("attempt", "repair", "success", "error", "model", "input", "output", "milliseconds")
    return {
        **{name: getattr(call, name) for name in (*same, "tokens_in", "tokens_out", "cost", "at")},
        "engine": "llm",
        "prompt": str(call.prompt),
    }
