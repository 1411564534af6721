from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tests.triage.llm.fake import FakeModel, Plan, said
from tickets.models import Department, Ticket
from triage.defaults import prompt as shipped
from triage.models import LlmCall, LlmRequest, Prompt

pytestmark = pytest.mark.django_db

VAGUE = {"title": "It does not work", "description": "Please help, thank you."}


def signed_in(role: str = "Admin", name: str = "ada") -> Client:
    client = Client()
    client.force_login(make_user(name, role))
    return client


def url(model: str, page: str, *args: Any) -> str:
    return reverse(f"admin:triage_{model}_{page}", args=args)


def filled(**fields: Any) -> dict[str, Any]:
    return {
        "name": "ticket-triage",
        "owner_id": "",
        "active": "on",
        "system": "Be brief. {{ schema }}",
        "template": "{{ description }}",
        "input_schema": "{}",
        "output_schema": __import__("json").dumps(shipped.OUTPUT_SCHEMA),
        "invariants": '{"fields": ["category"]}',
        **fields,
    }


def test_an_edit_is_a_new_version_that_begins_as_the_old_one() -> None:
    client, first = signed_in(), Prompt.objects.get()

    page = client.get(url("prompt", "change", first.pk)).content.decode()
    form = client.get(url("prompt", "add"), {"from": first.pk}).content.decode()
    saved = client.post(url("prompt", "add"), filled(is_default="on"))

    assert f"?from={first.pk}" in page
    assert 'name="_save"' not in page
    assert "You sort support tickets" in form
    assert saved.status_code == 302, saved.content.decode()[:3000]
    second = Prompt.objects.get(version=2)
    assert (second.is_default, second.created_by) == (True, "ada")
    assert Prompt.objects.get(pk=first.pk).is_default is False


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"system": "{{ nonsense }}"}, "is undefined"),
        ({"template": "Hello"}, "It never shows the ticket"),
        ({"output_schema": '{"type": "array"}'}, "must be a JSON Schema of an object"),
        ({"input_schema": '{"type": "object", "default": NaN}'}, "are no JSON"),
        ({"output_schema": '{"type": "object", "title": "a\\u0000b"}'}, "Null characters"),
        ({"invariants": '{"fields": ["priority"]}'}, "fields must list at least one of"),
        ({"is_default": "on", "active": ""}, "Only an active prompt without an owner"),
    ],
)
def test_a_wrong_prompt_is_shown_again_with_what_would_be_right(
    fields: dict[str, str], message: str
) -> None:
    answer = signed_in().post(url("prompt", "add"), filled(**fields))

    assert answer.status_code == 200
    assert message in answer.content.decode()
    assert Prompt.objects.count() == 1


def test_a_version_is_made_the_default_or_switched_off_by_an_action() -> None:
    client = signed_in()
    client.post(url("prompt", "add"), filled())
    first, second = Prompt.objects.order_by("pk")

    def act(name: str, prompt: Prompt) -> str:
        chosen = {"action": name, "_selected_action": [prompt.pk]}
        return client.post(url("prompt", "changelist"), chosen, follow=True).content.decode()

    assert "make another one the default first" in act("switch_off", first)
    act("make_default", second)
    act("switch_off", first)

    first.refresh_from_db()
    assert (first.active, Prompt.objects.get(is_default=True)) == (False, second)


def test_a_prompt_is_tried_on_a_ticket_from_its_page(model: Callable[..., FakeModel]) -> None:
    model(said())
    ticket = make_ticket(**VAGUE)
    address = url("prompt", "change", Prompt.objects.get().pk)
    client = signed_in()

    page = client.post(address, {"_try": "1", "ticket": f"#{ticket.pk}"}).content.decode()
    wrong = client.post(address, {"_try": "1", "ticket": "999999"}, follow=True).content.decode()

    assert "They cannot reach the VPN." in page
    assert "It does not work" in page
    assert "There is no ticket" in wrong
    assert not LlmCall.objects.exists()


def test_past_tickets_are_replayed_on_the_page_of_a_prompt_beside_what_was_decided(
    model: Callable[..., FakeModel], triage_all: Callable[[], int]
) -> None:
    server = model(said(), said())
    tickets = [make_ticket(**VAGUE), make_ticket(**VAGUE)]
    triage_all()
    address = url("prompt", "change", Prompt.objects.get().pk)
    client = signed_in()

    def replay(numbers: str) -> str:
        answer = client.post(address, {"_replay": "1", "ticket": numbers})
        assert answer.status_code == 200
        return answer.content.decode()

    page = replay(", ".join(f"#{ticket.pk}" for ticket in tickets))
    assert page.count("fields would differ.") == 2
    assert "They cannot reach the VPN." in page
    assert len(server.asked) == 2
    assert "Give one to 5 numbers" in replay("1 2 3 4 5 6")
    assert "There is no ticket &#x27;x&#x27;" in replay(f"{tickets[0].pk} x")
    assert len(server.asked) == 2
    assert not LlmCall.objects.exists()


def test_the_texts_of_a_prompt_keep_their_lines() -> None:
    page = signed_in().get(url("prompt", "change", Prompt.objects.get().pk)).content.decode()

    first, second = shipped.SYSTEM.splitlines()[:2]
    assert f"{first}<br>{second}" in page


def test_viewers_and_agents_read_prompts_and_try_none(model: Callable[..., FakeModel]) -> None:
    server = model(said())
    ticket = make_ticket(**VAGUE)
    address = url("prompt", "change", Prompt.objects.get().pk)
    client = signed_in("Agent", "bob")

    assert client.get(address).status_code == 200
    client.post(address, {"_try": "1", "ticket": str(ticket.pk)})
    assert server.asked == []
    assert client.get(url("prompt", "add")).status_code == 403


def test_when_to_ask_has_one_line_a_category() -> None:
    client = signed_in()

    first = client.post(url("askpolicy", "add"), {"category": "", "when": "never"})
    second = client.post(url("askpolicy", "add"), {"category": "", "when": "always"})

    assert first.status_code == 302, first.content
    assert "There is a line for this already." in second.content.decode()


def test_questions_and_calls_can_be_read_and_the_ticket_shows_them(
    model: Callable[..., FakeModel], asked: Callable[..., Ticket]
) -> None:
    model(said("Nonsense."), said())
    ticket = asked(**VAGUE)
    client = signed_in("Viewer", "vera")

    page = client.get(reverse("admin:tickets_ticket_change", args=[ticket.pk])).content.decode()
    lists = [client.get(url(name, "changelist")) for name in ("llmrequest", "llmcall")]
    question = client.get(url("llmrequest", "change", LlmRequest.objects.get().pk))
    call = client.get(url("llmcall", "change", LlmCall.objects.latest("pk").pk))

    assert "Language model: the answer counts, ticket-triage v1" in page
    assert "Attempt 1, repair" in page
    assert [answer.status_code for answer in lists] == [200, 200]
    assert "Nonsense" not in question.content.decode()
    assert "They cannot reach the VPN." in call.content.decode()


def test_questions_about_restricted_tickets_are_hidden(
    model: Callable[..., FakeModel], asked: Callable[..., Ticket]
) -> None:
    model(said())
    asked(**VAGUE, department="HR")
    Department.objects.filter(name="HR").update(restricted=True)
    client = signed_in("Agent", "bob")

    for name, row in (("llmrequest", LlmRequest.objects.get()), ("llmcall", LlmCall.objects.get())):
        page = client.get(url(name, "changelist")).content.decode()
        assert url(name, "change", row.pk) not in page
        assert client.get(url(name, "change", row.pk)).status_code == 302


def test_health_says_since_when_the_model_fails(
    model: Callable[..., FakeModel], asked: Callable[..., Ticket]
) -> None:
    model(Plan(raw=b'{"error": "unknown key"}', status=401))
    asked(**VAGUE)

    findings = client_for(None).get("/health").json()["findings"]

    [finding] = [text for text in findings if "language model" in text]
    assert "1 ticket keeps" in finding
    assert "401 Unauthorized: the admin tells more" in finding
    assert "unknown key" not in finding  # whatever the provider says: this page is for everybody
