"""Past tickets once more, on any classifier or prompt: what would be decided now. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tickets.models import Ticket
from tickets.services import UnknownNames
from triage import knowledge
from triage.decide import Decision, decide
from triage.evidence import Evidence, Given
from triage.knowledge import Loaded
from triage.models import ClassifierModel, Prompt, TriageDecision
from triage.models.decisions import DECIDED, differences
from triage.services.prompts import try_prompt
from triage.services.running import FIXABLE, fixed_fields

#: The champions.
CHAMPION: Final = None


@dataclass(frozen=True)
class Replay:
    """One ticket's recorded decision (None: it has none) and the one of now (None: `error` says why not).

    `same_input`: it is decided from the very text that the recorded decision was made from.
    """

    ticket: Ticket
    recorded: TriageDecision | None
    decision: Decision | None = None
    same_input: bool = False
    differences: dict[str, list[Any]] = field(default_factory=dict)
    error: str = ""


def replay(
    *,
    tickets: Sequence[Ticket],
    recorded: dict[int, TriageDecision],
    model: str | None = CHAMPION,
    prompt: str | None = None,
) -> list[Replay]:
    """Decide about `tickets` again and compare with their `recorded` decisions (ticket's id -> decision).

    What a person had set when a decision was made counts as set now, and what was set later does not: the engines
    face the same question. The texts are today's. `model` names a classifier, or is `knowledge.RULES_ALONE`.
    With a `prompt` ("name v3") the language model is asked about each ticket, once, while the caller waits.

    :raises UnknownNames: there is no such classifier or prompt.
    """
    loaded = _loaded(model)
    asked = _prompt(prompt) if prompt else None
    givens = [_given(ticket, recorded.get(ticket.pk), loaded) for ticket in tickets]
    if asked is not None:
        return [
            _asked(ticket, recorded.get(ticket.pk), given, asked, loaded)
            for ticket, given in zip(tickets, givens, strict=True)
        ]
    found = loaded.examine(givens)
    return [
        _replayed(ticket, recorded.get(ticket.pk), given, evidence, loaded)
        for ticket, given, evidence in zip(tickets, givens, found, strict=True)
    ]


def _loaded(model: str | None) -> Loaded:
    if model is CHAMPION:
        return knowledge.current()
    try:
        return knowledge.with_classifier(model)
    except LookupError as error:
        names = ClassifierModel.objects.order_by("-pk").values_list("name", flat=True)[:20]
        choice = ", ".join([*names, knowledge.RULES_ALONE])
        raise UnknownNames({"model": [f"{error} Use one of: {choice}."]}) from None


def _prompt(wanted: str) -> Prompt:
    for prompt in Prompt.objects.filter(name=wanted.rpartition(" v")[0]):
        if str(prompt) == wanted:
            return prompt
    newest = ", ".join(str(prompt) for prompt in Prompt.objects.order_by("-pk")[:20])
    raise UnknownNames({"prompt": [f"There is no prompt {wanted!r}. Use one of: {newest}."]})


def _asked(
    ticket: Ticket, recorded: TriageDecision | None, given: Given, prompt: Prompt, loaded: Loaded
) -> Replay:
    trial = try_prompt(prompt=prompt, ticket=ticket, loaded=loaded, given=given)
    if trial.decision is None:
        return Replay(ticket, recorded, error=" ".join(trial.problems))
    return _compared(ticket, recorded, trial.decision)


def _given(ticket: Ticket, recorded: TriageDecision | None, loaded: Loaded) -> Given:
    if recorded is not None:
        fixed = {
            name: getattr(recorded, name)
            for name in DECIDED
            if recorded.fields.get(name, {}).get("by") == "person"
        }
    else:
        values = [getattr(ticket, column) for column in FIXABLE]
        fixed = fixed_fields(ticket.locked_fields, values, loaded)
    return Given(ticket.title, ticket.description, ticket.source, ticket.customer_tier, fixed)


def _replayed(
    ticket: Ticket,
    recorded: TriageDecision | None,
    given: Given,
    evidence: Evidence | Exception,
    loaded: Loaded,
) -> Replay:
    if isinstance(evidence, Exception):
        return Replay(ticket, recorded, error=f"{type(evidence).__name__}: {evidence}")
    return _compared(ticket, recorded, decide(given, evidence, loaded.knowledge))


def _compared(ticket: Ticket, recorded: TriageDecision | None, decision: Decision) -> Replay:
    if recorded is None:
        return Replay(ticket, None, decision)
    same_input = decision.input_hash == recorded.input_hash
    return Replay(ticket, recorded, decision, same_input, differences(recorded, decision))
