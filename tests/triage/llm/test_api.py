from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import ProgrammingError, transaction
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import make_ticket, make_user
from tests.triage.llm.fake import FakeModel, said
from tickets.models import Department, Ticket
from triage.defaults import prompt as shipped
from triage.models import LlmCall, Prompt, TriageDecision, TriageJob

pytestmark = pytest.mark.django_db

PROMPTS = "/api/v1/prompts/"
POLICIES = "/api/v1/ask-policies/"
VAGUE = {"title": "It does not work", "description": "Please help, thank you."}


@pytest.fixture
def admin_api(admin_person: User) -> APIClient:
    return client_for(admin_person)


def test_a_new_version_says_what_changed_and_keeps_the_rest(admin_api: APIClient) -> None:
    answer = admin_api.post(
        PROMPTS, {"name": "ticket-triage", "template": "{{ description }}"}, format="json"
    )

    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["version"], body["created_by"], body["is_default"]) == (2, "ada", False)
    assert (body["template"], body["system"]) == ("{{ description }}", shipped.SYSTEM)
    assert body["output_schema"] == shipped.OUTPUT_SCHEMA
    listed = admin_api.get(PROMPTS, {"name": "ticket-triage"}).json()["results"]
    assert [row["version"] for row in listed] == [2, 1]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"system": "{{ nonsense }}"}, "system", "nonsense"),
        ({"template": "{{ title"}, "template", "Line 1"),
        ({"template": "Hello"}, "template", "{{ description }}"),
        ({"output_schema": {"type": "array"}}, "output_schema", "object"),
        ({"output_schema": {"type": "object"}}, "output_schema", "category, impact, urgency"),
        (
            {"output_schema": {"type": "object", "properties": {"category": True}}},
            "output_schema",
            "category, impact, urgency",
        ),
        ({"output_schema": {"type": "object", "title": "a\0b"}}, "output_schema", "Null"),
        ({"input_schema": {"type": "object", "\0": {}}}, "input_schema", "Null"),
        ({"input_schema": {"type": "object", "$dynamicRef": "#a"}}, "input_schema", "$ref"),
        ({"invariants": {"fields": ["priority"]}}, "invariants", "category, impact, urgency"),
        ({"name": "Not a slug!"}, "name", "small letters"),
        (
            {"is_default": True, "owner_id": "7a9d3b6e-0000-4000-8000-000000000001"},
            "is_default",
            "without an owner",
        ),
    ],
)
def test_a_wrong_prompt_is_refused_with_the_field_and_what_would_be_right(
    admin_api: APIClient, change: dict[str, Any], field: str, message: str
) -> None:
    answer = admin_api.post(PROMPTS, {"name": "ticket-triage", **change}, format="json")

    assert answer.status_code == 400, answer.content
    assert message in str(answer.json()["errors"][field])
    assert Prompt.objects.count() == 1


def test_a_prompt_of_a_new_name_must_be_whole(admin_api: APIClient) -> None:
    answer = admin_api.post(PROMPTS, {"name": "other"}, format="json")

    assert set(answer.json()["errors"]) == {"system", "template", "output_schema"}


def test_one_version_is_the_default_and_it_cannot_be_switched_off(admin_api: APIClient) -> None:
    first = Prompt.objects.get()
    second = admin_api.post(PROMPTS, {"name": "ticket-triage"}, format="json").json()["id"]

    assert (
        admin_api.put(f"{PROMPTS}{first.pk}/active/", {"active": False}, format="json").status_code
        == 409
    )
    assert admin_api.put(f"{PROMPTS}{second}/default/").json()["is_default"]
    answer = admin_api.put(f"{PROMPTS}{first.pk}/active/", {"active": False}, format="json")

    assert answer.json()["active"] is False
    assert Prompt.objects.get(is_default=True).pk == second


def test_an_owners_prompt_cannot_be_the_default(admin_api: APIClient) -> None:
    owner = "7a9d3b6e-0000-4000-8000-000000000001"
    mine = admin_api.post(
        PROMPTS, {"name": "ticket-triage", "owner_id": owner}, format="json"
    ).json()

    assert mine["owner_id"] == owner
    assert admin_api.put(f"{PROMPTS}{mine['id']}/default/").status_code == 409


def test_the_database_keeps_what_a_prompt_says() -> None:
    with pytest.raises(ProgrammingError), transaction.atomic():
        Prompt.objects.update(system="Something else")


def test_a_prompt_is_tried_on_a_ticket_and_nothing_is_written(
    admin_api: APIClient, model: Callable[..., FakeModel]
) -> None:
    server = model(said())
    ticket = make_ticket(**VAGUE)
    address = f"{PROMPTS}{Prompt.objects.get().pk}/try/"

    answer = admin_api.post(address, {"ticket_id": ticket.pk}, format="json")

    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["decision"]["category"] == "network"
    assert "It does not work" in body["user"]
    assert (body["tokens_in"], body["problems"]) == (321, [])
    assert len(server.asked) == 1
    assert not LlmCall.objects.exists()
    assert not TriageDecision.objects.exists()


def test_a_past_ticket_is_replayed_on_a_prompt_and_nothing_is_written(
    admin_api: APIClient, model: Callable[..., FakeModel], triage_all: Any
) -> None:
    ticket = make_ticket(**VAGUE)
    triage_all()
    server = model(said(category="network"))
    wanted = {"ticket_ids": [ticket.pk], "prompt": "ticket-triage v1"}

    answer = admin_api.post("/api/v1/decisions/replay/", wanted, format="json")

    assert answer.status_code == 200, answer.content
    [row] = answer.json()["results"]
    assert row["now"]["category"] == "network"
    assert "llm" in row["now"]["engines"]
    assert row["recorded"]["id"] == TriageDecision.objects.get().pk
    assert len(server.asked) == 1
    assert not LlmCall.objects.exists()


def test_a_replay_names_the_prompts_that_there_are(admin_api: APIClient) -> None:
    wanted = {"ticket_ids": [make_ticket(**VAGUE).pk], "prompt": "nobody v7"}

    answer = admin_api.post("/api/v1/decisions/replay/", wanted, format="json")

    assert answer.status_code == 400
    assert "ticket-triage v1" in str(answer.json()["errors"]["prompt"])


def test_who_may_not_write_prompts_may_not_replay_them(api: APIClient) -> None:
    wanted = {"ticket_ids": [make_ticket(**VAGUE).pk], "prompt": "ticket-triage v1"}

    answer = api.post("/api/v1/decisions/replay/", wanted, format="json")

    assert answer.status_code == 403


def test_a_trial_says_why_there_is_no_answer(
    admin_api: APIClient, model: Callable[..., FakeModel], settings: Any
) -> None:
    ticket = make_ticket(**VAGUE)
    address = f"{PROMPTS}{Prompt.objects.get().pk}/try/"

    model(said("No."))
    useless = admin_api.post(address, {"ticket_id": ticket.pk}, format="json").json()
    settings.LLM = None
    nobody = admin_api.post(address, {"ticket_id": ticket.pk}, format="json").json()

    assert "no JSON object" in useless["problems"][0]
    assert "LLM_PROVIDER" in nobody["problems"][0]
    assert nobody["system"]
    assert nobody["decision"] is None


def test_a_prompt_cannot_be_tried_on_a_ticket_that_one_may_not_see(admin_api: APIClient) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    ticket = make_ticket(**VAGUE, department="HR")
    address = f"{PROMPTS}{Prompt.objects.get().pk}/try/"

    answer = admin_api.post(address, {"ticket_id": ticket.pk}, format="json")

    assert answer.status_code == 400
    assert "no such ticket" in str(answer.json()["errors"]["ticket_id"])


def test_when_to_ask_is_set_by_category(admin_api: APIClient) -> None:
    general = admin_api.post(POLICIES, {"category": None, "when": "never"}, format="json").json()
    own = admin_api.post(POLICIES, {"category": "network", "when": "always"}, format="json")

    assert own.status_code == 201, own.content
    for again in ({"category": None, "when": "always"}, {"category": "network", "when": "never"}):
        answer = admin_api.post(POLICIES, again, format="json")
        assert "change that one" in str(answer.json()["errors"]["category"])
    changed = {"category": None, "when": "unsure"}
    assert (
        admin_api.put(f"{POLICIES}{general['id']}/", changed, format="json").json()["when"]
        == "unsure"
    )
    assert admin_api.delete(f"{POLICIES}{own.json()['id']}/").status_code == 204
    assert [row["category"] for row in admin_api.get(POLICIES).json()] == [None]


def test_the_log_of_a_job_names_every_attempt(
    api: APIClient, model: Callable[..., FakeModel], asked: Callable[..., Ticket]
) -> None:
    model(said("Nonsense."), said())
    ticket = asked(**VAGUE)
    job = TriageJob.objects.get(ticket=ticket)

    lines = api.get(f"/api/v1/triage-jobs/{job.pk}/logs/").json()

    assert [(line["engine"], line["success"], line["repair"]) for line in lines] == [
        ("triage", True, False),
        ("llm", False, False),
        ("llm", True, True),
    ]
    assert lines[0]["output"]["category"]
    assert lines[1]["input"][0]["role"] == "system"
    assert lines[1]["output"] == "Nonsense."
    assert "no JSON object" in lines[1]["error"]
    assert lines[2]["tokens_in"] == 321
    assert lines[2]["milliseconds"] > 0
    assert lines[2]["prompt"] == "ticket-triage v1"


def test_the_log_of_a_restricted_ticket_is_not_shown(triage_all: Any) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    ticket = make_ticket(**VAGUE, department="HR")
    job = TriageJob.objects.get(ticket=ticket)
    stranger = client_for(make_user("bob", "Agent"))

    assert stranger.get(f"/api/v1/triage-jobs/{job.pk}/logs/").status_code == 404


@pytest.mark.parametrize("category", ["nowhere", "a\0b", 7, ["network"]])
def test_a_policy_for_a_category_that_is_none_is_refused(
    admin_api: APIClient, category: Any
) -> None:
    answer = admin_api.post(POLICIES, {"category": category, "when": "never"}, format="json")

    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"category"}
