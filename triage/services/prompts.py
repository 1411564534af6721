"""Prompts: new versions, which of them are asked with, and trying one without writing anything."""

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from tickets.models import Ticket
from triage.decide import Decision
from triage.evidence import Given
from triage.knowledge import Loaded
from triage.llm import providers
from triage.llm.answers import Unusable, check_schema, read_answer
from triage.llm.judging import bounds_of, check_invariants, refine
from triage.llm.providers import ProviderError, Turn
from triage.llm.rendering import Template, check_templates
from triage.models import Prompt
from triage.services.preparing import Fallback, prepare
from workers.errors import PermanentError

#: What a version says. Edited means: another version.
CONTENT: Final = ("system", "template", "input_schema", "output_schema", "invariants")


class WrongPrompt(PermanentError):
    """A prompt that cannot be asked with. `errors`: field -> sentences."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__("The prompt is wrong.")
        self.errors = errors


@dataclass
class Trial:
    """What came of trying a prompt on a ticket. `decision`: what triage would then decide."""

    system: str = ""
    user: str = ""
    masked: dict[str, int] = field(default_factory=dict)
    output: str = ""
    problems: list[str] = field(default_factory=list)
    decision: Decision | None = None
    model: str = ""
    milliseconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0


def check_prompt(content: dict[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with a prompt's content, by field."""
    errors: dict[str, list[str]] = {}
    for name, problems in (
        ("output_schema", check_schema(content["output_schema"])),
        ("input_schema", check_schema(content["input_schema"]) if content["input_schema"] else []),
        ("invariants", check_invariants(content["invariants"])),
    ):
        if problems:
            errors[name] = problems
    if errors:
        return errors
    fields = sorted(bounds_of(content["invariants"]).fields)
    known = content["output_schema"].get("properties", {})
    missing = [name for name in fields if not isinstance(known.get(name), dict)]
    if missing:
        errors["output_schema"] = [f"It describes no property for: {', '.join(missing)}."]
    schema = content["output_schema"]
    errors |= check_templates(Template(content["system"], content["template"], schema, fields))
    return errors


@transaction.atomic  # the admin's form saves inside a transaction of its own
def new_version(
    *,
    name: str,
    content: dict[str, Any],
    by: str,
    owner_id: uuid.UUID | None = None,
    active: bool = True,
    is_default: bool = False,
) -> Prompt:
    """Write a prompt, or its next version when there is one of that name.

    :raises WrongPrompt: naming each field and what would be right.
    """
    errors = check_prompt(content)
    if is_default and (owner_id or not active):
        errors["is_default"] = ["Only an active prompt without an owner can be the default."]
    if errors:
        raise WrongPrompt(errors)
    _lock()
    newest = Prompt.objects.filter(name=name).order_by("-version").first()
    if is_default:
        Prompt.objects.filter(is_default=True).update(is_default=False)
    return Prompt.objects.create(
        name=name,
        version=newest.version + 1 if newest else 1,
        owner_id=owner_id,
        active=active,
        is_default=is_default,
        created_by=by,
        **{name: content[name] for name in CONTENT},
    )


@transaction.atomic
def set_active(*, prompt: Prompt, active: bool) -> Prompt:
    """Ask with a version from now on, or no longer.

    :raises PermanentError: it is the default, without which nobody could be asked.
    """
    _lock()
    prompt = Prompt.objects.get(pk=prompt.pk)
    if prompt.is_default and not active:
        raise PermanentError(f"{prompt} is the default: make another one the default first.")
    prompt.active = active
    prompt.save(update_fields=["active"])
    return prompt


@transaction.atomic
def make_default(*, prompt: Prompt) -> Prompt:
    """Ask with this version where an owner has none of their own.

    :raises PermanentError: it belongs to an owner.
    """
    _lock()
    prompt = Prompt.objects.get(pk=prompt.pk)
    if prompt.owner_id:
        raise PermanentError(f"{prompt} is one owner's: the default is for all.")
    Prompt.objects.filter(is_default=True).update(is_default=False)
    prompt.active = prompt.is_default = True
    prompt.save(update_fields=["active", "is_default"])
    return prompt


def _lock() -> None:
    """One change of prompts at a time: versions are counted, and one is the default."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {Prompt._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def try_prompt(
    *, prompt: Prompt, ticket: Ticket, loaded: Loaded | None = None, given: Given | None = None
) -> Trial:
    """Ask about a ticket with a prompt, once, and write nothing. Without a model: only what would be asked.

    `loaded` and `given`: see `prepare`.
    """
    trial = Trial()
    try:
        question = prepare(ticket, prompt, loaded=loaded, given=given)
    except Fallback as reason:
        trial.problems = [str(reason)]
        return trial
    rendered = question.rendered
    trial.system, trial.user, trial.masked = rendered.system, rendered.user, dict(rendered.masked)
    if settings.LLM is None:
        trial.problems = ["No language model is set up: LLM_PROVIDER is none."]
        return trial
    try:
        turns = [Turn("user", rendered.user)]
        reply = providers.ask(settings.LLM, rendered.system, turns, question.schema)
        trial.output, trial.model, trial.milliseconds = reply.text, reply.model, reply.milliseconds
        trial.tokens_in, trial.tokens_out = reply.tokens_in, reply.tokens_out
        answer = read_answer(reply.text, question.schema, sorted(question.bounds.fields))
    except ProviderError as error:
        trial.problems = [str(error)]
    except Unusable as error:
        trial.problems = list(error.problems)
    else:
        given, evidence = question.given, question.evidence
        knowledge = question.loaded.knowledge
        trial.decision = refine(given, evidence, knowledge, answer, question.bounds)
    return trial
