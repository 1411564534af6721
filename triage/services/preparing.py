"""What the language model is asked about a ticket, made of the ticket, a prompt and what triage knows."""

import secrets
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from tickets.models import Ticket
from triage import knowledge
from triage.evidence import Evidence, Given
from triage.knowledge import Loaded
from triage.llm.answers import problems_of, with_allowed
from triage.llm.judging import Bounds, bounds_of
from triage.llm.rendering import BrokenTemplate, Option, Rendered, Subject, Template, render
from triage.models import Prompt
from triage.services.running import FIXABLE, fixed_fields


class Fallback(Exception):
    """There will be no answer; what triage had decided stays. The message says why."""


@dataclass(frozen=True)
class Question:
    """Everything that a call and its answer need."""

    prompt: Prompt
    given: Given
    evidence: Evidence
    loaded: Loaded
    rendered: Rendered
    schema: dict[str, Any]
    bounds: Bounds


def prepare(
    ticket: Ticket, prompt: Prompt, *, loaded: Loaded | None = None, given: Given | None = None
) -> Question:
    """Return what to ask about a ticket; with `given` as if that were what triage sees of it, with `loaded` as if
    that were what triage knows.

    :raises Fallback: the prompt cannot be rendered, or the ticket does not fit its input schema.
    """
    loaded = loaded or knowledge.current()
    subject = Subject(
        title=ticket.title,
        description=ticket.description,
        external_id=ticket.external_id or "",
        owner_id=str(ticket.owner_id or ""),
        customer_tier=ticket.customer_tier,
    )
    # Not quoted: the reason is logged, and a ticket's text is private.
    if wrong := problems_of(vars(subject), prompt.input_schema or {}, quote=False):
        raise Fallback(f"The ticket does not fit the input schema of {prompt}: {' '.join(wrong)}")
    bounds = bounds_of(prompt.invariants)
    fields = sorted(bounds.fields)
    schema = with_allowed(prompt.output_schema, sorted(loaded.categories), fields)
    rows = sorted(loaded.categories.values(), key=lambda row: row.slug)
    options = [Option(row.slug, row.name, row.description) for row in rows]
    template = Template(prompt.system, prompt.template, schema, fields)
    try:
        mark = secrets.token_hex(8)
        rendered = render(template, subject, options, mark=mark, mask=settings.LLM_MASK)
    except BrokenTemplate as error:
        raise Fallback(f"{prompt} cannot be rendered: {error}") from None
    given = given or given_of(ticket, loaded)
    [evidence] = loaded.examine([given])
    if isinstance(evidence, Exception):
        raise evidence
    return Question(prompt, given, evidence, loaded, rendered, schema, bounds)


def given_of(ticket: Ticket, loaded: Loaded) -> Given:
    """The ticket as triage sees it, with what people decided until now."""
    values = [getattr(ticket, column) for column in FIXABLE]
    fixed = fixed_fields(ticket.locked_fields, values, loaded)
    return Given(ticket.title, ticket.description, ticket.source, ticket.customer_tier, fixed)
