from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.factories import make_ticket
from tests.triage.llm.fake import FakeModel, Plan, fake_model
from tickets.models import Ticket
from triage.models import LlmRequest
from triage.services import answering


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def model(settings: Any) -> Iterator[Callable[..., FakeModel]]:
    """Set a model up that answers as planned: model(plan, …)."""
    with ExitStack() as running:

        def start(*plans: Any, provider: str = "ollama", **fields: Any) -> FakeModel:
            kept = running.enter_context(fake_model(*plans))
            settings.LLM = kept.endpoint(provider, **fields)
            return kept

        yield start


@pytest.fixture
def asked(triage_all: Any) -> Callable[..., Ticket]:
    """Open a ticket, triage it, and ask the model about it, as the workers would."""

    def run(**fields: Any) -> Ticket:
        ticket = make_ticket(**fields)
        triage_all()
        ask()
        ticket.refresh_from_db()
        return ticket

    return run


def ask() -> int:
    """What a worker does with the messages for all questions that wait."""
    ids = list(LlmRequest.objects.filter(state="pending").values_list("pk", flat=True))
    return answering.ask_llm(ids=ids, now=datetime.now(UTC))


__all__ = ["Plan", "ask"]
