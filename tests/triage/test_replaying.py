"""Past decisions once more, on any classifier, and nothing written."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tests.factories import NOON, make_ticket
from tickets.models import Department, Ticket
from tickets.services import change_tickets
from triage import knowledge
from triage.classifier.features import Example
from triage.models import ClassifierModel, Field, TriageDecision
from triage.services import store

pytestmark = pytest.mark.django_db
REPLAY = "/api/v1/decisions/replay/"


@pytest.fixture(scope="module")
def chairs_everywhere() -> Any:
    """A classifier that knows two categories only."""
    from triage.classifier.training import train

    words = {"facilities": "chair", "billing": "vpn"}
    examples = [
        Example(f"{word} {number}", f"the {word} again", label)
        for label, word in words.items()
        for number in range(40)
    ]
    return train(examples, name="chairs everywhere")


@pytest.fixture
def other(chairs_everywhere: Any) -> ClassifierModel:
    return store(model=chairs_everywhere, trained_from="test", use=False, by="ada")


def replay(api: APIClient, **given: Any) -> Any:
    return api.post(REPLAY, given, format="json")


def test_a_decision_replayed_on_the_classifier_that_made_it_is_the_same(
    api: APIClient, triage_all: Any
) -> None:
    tickets = [make_ticket(title="VPN is down"), make_ticket(title="My chair broke")]
    triage_all()

    results = replay(api, ticket_ids=[t.pk for t in tickets]).data["results"]

    assert [row["ticket"] for row in results] == [t.pk for t in tickets]
    for row in results:
        assert (row["same_input"], row["differences"], row["error"]) == (True, {}, "")
        recorded = {k: v for k, v in row["recorded"].items() if k not in ("id", "created_at")}
        assert recorded == row["now"]


def test_another_classifier_says_what_it_would_decide_and_the_difference_is_named(
    api: APIClient, triage_all: Any, other: ClassifierModel
) -> None:
    ticket = make_ticket(title="vpn again", description="the vpn again")
    triage_all()

    [row] = replay(api, ticket_ids=[ticket.pk], model="chairs everywhere").data["results"]

    assert row["now"]["model"] == "chairs everywhere"
    assert row["differences"]["category"] == ["network", "billing"]
    assert row["recorded"]["category"] == "network"


def test_without_a_classifier_the_rules_decide(api: APIClient, triage_all: Any) -> None:
    ticket = make_ticket(title="VPN is down")
    triage_all()

    [row] = replay(api, ticket_ids=[ticket.pk], model="rules").data["results"]

    assert row["now"]["model"] == ""
    assert row["now"]["fields_explained"]["category"]["by"] in ("rule", "keywords")


def test_a_replay_writes_nothing(api: APIClient, triage_all: Any, other: ClassifierModel) -> None:
    ticket = make_ticket(title="VPN is down")
    triage_all()
    before = Ticket.objects.values().get()

    with CaptureQueriesContext(connection) as captured:
        for model in (None, "rules", other.name):
            assert replay(api, ticket_ids=[ticket.pk], model=model).status_code == 200

    assert {query["sql"].split()[0] for query in captured} <= {"SELECT", "WITH"}
    assert Ticket.objects.values().get() == before
    assert TriageDecision.objects.count() == 1


def test_what_a_person_set_later_does_not_hide_what_the_machine_would_say(
    api: APIClient, triage_all: Any
) -> None:
    ticket = make_ticket(title="VPN is down", urgency=1)
    triage_all()
    change_tickets(ids=[ticket.pk], values={"category": "hardware"}, actor="ana", now=NOON)

    [row] = replay(api, ticket_ids=[ticket.pk]).data["results"]

    assert (row["same_input"], row["differences"]) == (True, {})
    assert row["now"]["category"] == "network"
    assert row["now"]["fields_explained"]["urgency"]["by"] == "person"


def test_a_ticket_that_was_reworded_since_is_told_apart(api: APIClient, triage_all: Any) -> None:
    ticket = make_ticket(title="VPN is down")
    triage_all()
    decision = TriageDecision.objects.get()
    change_tickets(ids=[ticket.pk], values={"title": "Chair is broken"}, actor="ana", now=NOON)

    [row] = replay(api, decision_id=decision.pk).data["results"]

    assert row["same_input"] is False
    assert row["recorded"]["id"] == decision.pk


def test_a_ticket_without_a_decision_is_decided_with_what_is_set_on_it(api: APIClient) -> None:
    ticket = make_ticket(title="VPN is down", category="hardware", department="Finance")

    [row] = replay(api, ticket_ids=[ticket.pk]).data["results"]

    assert row["recorded"] is None
    assert (row["now"]["category"], row["now"]["department"]) == ("hardware", "Finance")


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({}, "ticket_ids", "either"),
        ({"ticket_ids": [1], "decision_id": 1}, "ticket_ids", "either"),
        ({"ticket_ids": list(range(1, 102))}, "ticket_ids", "100"),
        ({"ticket_ids": [999_999]}, "ticket_ids", "There is no ticket 999999"),
        (
            {"ticket_ids": list(range(1, 7)), "prompt": "ticket-triage v1"},
            "ticket_ids",
            "With a prompt at most 5",
        ),
    ],
)
def test_a_bad_request_is_explained(given: Any, field: str, why: str, api: APIClient) -> None:
    answer = replay(api, **given)

    assert answer.status_code == 400
    assert why in str(answer.data["errors"][field])


def test_an_unknown_classifier_is_answered_with_those_that_are_there(
    api: APIClient, other: ClassifierModel
) -> None:
    ticket = make_ticket()

    answer = replay(api, ticket_ids=[ticket.pk], model="nobody")

    assert answer.status_code == 400
    assert "chairs everywhere" in answer.data["errors"]["model"][0]
    assert "rules" in answer.data["errors"]["model"][0]


def test_a_hidden_ticket_is_not_replayed(api: APIClient, triage_all: Any) -> None:
    Department.objects.filter(name="HR").update(restricted=True)
    ticket = make_ticket(department="HR")
    triage_all()

    assert replay(api, ticket_ids=[ticket.pk]).status_code == 400
    assert replay(api, decision_id=TriageDecision.objects.get().pk).status_code == 404


def test_a_classifier_of_another_field_replays_that_field_beside_the_champion(
    api: APIClient, triage_all: Any
) -> None:
    from triage.classifier.training import train

    examples = [
        Example(f"{word} {number}", f"the {word} again", label)
        for label, word in (("1", "chair"), ("3", "vpn"))
        for number in range(40)
    ]
    model = train(examples, name="levels")
    store(model=model, trained_from="test", use=False, by="ada", field=Field.URGENCY)
    ticket = make_ticket(title="chair again", description="the chair again")
    triage_all()

    [row] = replay(api, ticket_ids=[ticket.pk], model="levels").data["results"]

    assert row["now"]["fields_explained"]["urgency"]["model"] == "levels"
    assert row["now"]["category"] == row["recorded"]["category"]
    assert row["differences"]["urgency"][1] == 1


def test_the_last_few_classifiers_stay_loaded(other: ClassifierModel) -> None:
    first, second = knowledge.with_classifier(other.name), knowledge.with_classifier(other.name)

    assert first.models["category"] is second.models["category"]
    assert knowledge.current().models.get("category") is not first.models["category"]
