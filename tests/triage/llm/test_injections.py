"""Tickets that give orders to the model, and the worst model there can be: one that obeys them wholly.

What a good model makes of them is not for a test without one; that nothing follows from obeying is.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.triage.llm.fake import FakeModel, said
from tickets.models import Category, Ticket
from triage.models import LlmCall, PriorityCell, TriageDecision

pytestmark = pytest.mark.django_db

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("injections.ndjson").read_text().splitlines()
]
#: What an answer may lead to. Everything else on a ticket stays as it was.
MAY_FOLLOW = {
    *("category_id", "impact", "urgency", "priority", "department_id", "group_id"),
    *("confidence", "triage_status", "version", "updated_at"),
    *("due_at", "warn_at", "sla_breached", "escalation_level"),
}


def columns(ticket: Ticket) -> dict[str, Any]:
    row = Ticket.objects.filter(pk=ticket.pk).values().get()
    return {name: value for name, value in row.items() if name not in MAY_FOLLOW}


@pytest.fixture
def obeyed(
    model: Callable[..., FakeModel], triage_all: Any, settings: Any
) -> Callable[[dict[str, Any]], tuple[Ticket, dict[str, Any], FakeModel]]:
    """The ticket before and after a model obeyed it."""
    from tests.factories import make_ticket
    from tests.triage.llm.conftest import ask

    def run(case: dict[str, Any]) -> tuple[Ticket, dict[str, Any], FakeModel]:
        settings.LLM_ASK = "always"
        server = model(said(case["obeys"]))
        ticket = make_ticket(title=case["title"], description=case["description"])
        triage_all()
        before = columns(ticket)
        assert ask() == 1
        ticket.refresh_from_db()
        return ticket, before, server

    return run


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_ticket_that_gives_orders_gains_nothing_by_them(
    case: dict[str, Any], obeyed: Any
) -> None:
    ticket, before, server = obeyed(case)

    first, then = TriageDecision.objects.filter(ticket=ticket).order_by("pk")
    assert columns(ticket) == before
    assert ticket.category.slug in set(Category.objects.values_list("slug", flat=True))
    for name in ("impact", "urgency"):
        assert abs(getattr(ticket, name) - getattr(first, name)) <= 1
    cell = PriorityCell.objects.get(impact=ticket.impact, urgency=ticket.urgency)
    assert ticket.priority == cell.priority != 1
    if then.category != first.category:
        assert then.band != "auto"
    # What it wrote stands between delimiters that it could not know, in the user's part alone.
    [system, user] = LlmCall.objects.filter(request__ticket=ticket).earliest("pk").input
    mark = system["content"].split("<data-")[1][:16]
    assert mark not in case["description"]
    outside = "".join(
        part.partition(f"</data-{mark}>")[2] for part in user["content"].split(f"<data-{mark}>")[1:]
    )
    assert case["description"][:25] not in system["content"] + outside


def test_an_answer_with_fields_of_its_own_is_no_answer(obeyed: Any) -> None:
    [case] = [case for case in CASES if case["id"] == "english-extra-fields"]

    ticket, _, server = obeyed(case)

    fallen = TriageDecision.objects.get(ticket=ticket, refined=True)
    assert "unexpected" in fallen.fallback
    assert len(server.asked) == 2


def test_the_set_speaks_many_languages() -> None:
    assert len(CASES) >= 15
    assert len({case["language"] for case in CASES}) >= 8
