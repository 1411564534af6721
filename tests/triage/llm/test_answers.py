import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.defaults import prompt
from triage.llm.answers import (
    Answer,
    Unusable,
    check_schema,
    problems_of,
    read_answer,
    repair_request,
    with_allowed,
)

FIELDS = ("category", "impact", "urgency")
SCHEMA = with_allowed(prompt.OUTPUT_SCHEMA, ["hr", "network"], FIELDS)
GOOD = {"category": "hr", "impact": 2, "urgency": 3, "confidence": 0.7, "why": "Holiday."}


def read(text: str) -> Answer:
    return read_answer(text, SCHEMA, FIELDS)


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "```json\n{}\n```",
        "```\n{}\n```",
        "Here you are:\n```json\n{}\n```\nAnything else?",
        "Sure! {} I hope this helps.",
        '<think>{{"category": "network"}} or hr?</think>\n{}',
        "\n\n  {}  \n",
    ],
)
def test_the_object_is_found_in_what_models_put_around_it(wrapped: str) -> None:
    text = wrapped.replace("{}", json.dumps(GOOD)).replace("{{", "{").replace("}}", "}")

    assert read(text) == Answer({"category": "hr", "impact": 2, "urgency": 3}, "Holiday.", 0.7)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", "no JSON object"),
        ("I cannot do that.", "no JSON object"),
        ('{"category": "hr", "impact": 2', "cut off"),
        ('{"category": hr}', "not JSON"),
        ('{"category": NaN}', "not JSON"),
        ("[1, 2]", "no JSON object"),
        ({**GOOD, "category": "magic"}, "category: 'magic' is not one of"),
        ({**GOOD, "impact": 0}, "impact: 0 is not one of"),
        ({**GOOD, "impact": "2"}, "impact"),
        ({**GOOD, "impact": True}, "impact"),
        ({**GOOD, "priority": 1}, "'priority' was unexpected"),
        ({"category": "hr"}, "'impact' is a required property"),
        ({**GOOD, "confidence": 7}, "confidence"),
        ("{" * 5000 + "}" * 5000, "not JSON"),
        ("x" * 30_000, "characters"),
    ],
)
def test_an_answer_that_cannot_be_used_says_what_is_wrong(answer: Any, problem: str) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)

    with pytest.raises(Unusable, match=problem.replace("(", ".")) as caught:
        read(text)

    assert caught.value.problems[0] in repair_request(caught.value.problems)


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(json.dumps)
)
def test_whatever_comes_is_an_answer_or_unusable(text: str) -> None:
    try:
        answer = read(text)
    except Unusable:
        return
    assert answer.values["category"] in ("hr", "network")


def test_a_level_that_came_as_2_0_is_the_number_2() -> None:
    answer = read(json.dumps({**GOOD, "impact": 2.0}))

    assert repr(answer.values["impact"]) == "2"


@pytest.mark.parametrize(("sure", "known"), [(10**400, 1.0), (-3, 0.0)])
def test_a_confidence_beyond_all_bounds_is_the_nearest_possible_one(
    sure: float, known: float
) -> None:
    answer = read_answer(json.dumps({"impact": 2, "confidence": sure}), {"type": "object"}, FIELDS)

    assert answer.confidence == known


def test_a_ticket_that_does_not_fit_is_not_quoted() -> None:
    schema = {"type": "object", "properties": {"description": {"maxLength": 5}}}

    assert problems_of({"description": "Ann is ill."}, schema, quote=False) == [
        "description: it does not fit maxLength."
    ]


def test_only_fields_that_the_prompt_may_set_are_read() -> None:
    answer = read_answer(json.dumps(GOOD), prompt.OUTPUT_SCHEMA, ("impact",))

    assert answer.values == {"impact": 2}


def test_an_answer_that_sets_nothing_cannot_be_used() -> None:
    with pytest.raises(Unusable, match="sets none of: impact"):
        read_answer("{}", {"type": "object"}, ("impact",))


def test_a_schema_must_be_one_and_fetches_nothing() -> None:
    assert check_schema(prompt.OUTPUT_SCHEMA) == []
    assert check_schema([]) == check_schema({"type": "array"})
    assert (
        "not valid" in check_schema({"type": "object", "properties": {"a": {"type": "thing"}}})[0]
    )
    assert "$ref" in check_schema({"type": "object", "properties": {"a": {"$ref": "http://x"}}})[0]


def test_allowed_values_are_the_ones_that_exist_now() -> None:
    assert problems_of({**GOOD, "category": "hr"}, SCHEMA) == []
    assert SCHEMA["properties"]["category"]["enum"] == ["hr", "network"]
    assert "enum" not in prompt.OUTPUT_SCHEMA["properties"]["category"]
