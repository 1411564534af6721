from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from triage import matrix
from triage.classifier.model import Prediction
from triage.decide import Classifier, Decision, Knowledge, decide
from triage.evidence import Evidence, Given
from triage.llm.answers import Answer
from triage.llm.judging import (
    MOST_TRUST,
    Bounds,
    bounds_of,
    check_invariants,
    likelier,
    refine,
    together,
)
from triage.matrix import PriorityMatrix
from triage.routing import RoutingSpec, RoutingTable
from triage.rules import RuleBook
from triage.signals import Signals

KNOWLEDGE = Knowledge(
    rules=RuleBook.compile([]),
    matrix=PriorityMatrix(matrix.DEFAULT),
    routing=RoutingTable.build(
        [
            RoutingSpec(1, 1, "Network", "IT", "Network", categories=frozenset({"network"})),
            RoutingSpec(2, 1, "People", "HR", categories=frozenset({"hr"})),
            RoutingSpec(3, 9, "Rest", "General", is_default=True),
        ]
    ),
    classifiers={"category": Classifier("c1", {"network": 0.8, "hr": 0.8})},
)
GIVEN = Given("T", "D", "api", "standard")


def evidence(share: float = 0.6, **signals: Any) -> Evidence:
    rest = 1 - share
    guess = Prediction(
        "network", share, (("network", share), ("hr", rest)), (), {"network": share, "hr": rest}
    )
    return Evidence((), Signals(**signals), {"category": guess})


def judged(
    share: float = 0.6,
    *,
    given: Given = GIVEN,
    bounds: Bounds | None = None,
    confidence: float | None = 0.9,
    signals: dict[str, Any] | None = None,
    knowledge: Knowledge = KNOWLEDGE,
    **values: Any,
) -> Decision:
    answer = Answer(values, "It says so.", confidence)
    found = evidence(share, **(signals or {}))
    return refine(given, found, knowledge, answer, bounds or Bounds())


def test_a_model_that_agrees_may_make_both_sure_enough() -> None:
    alone = decide(GIVEN, evidence(0.6), KNOWLEDGE)
    both = judged(0.6, category="network")

    assert (alone.band, both.band) == ("suggest", "auto")
    assert both.confidence == pytest.approx(0.6 * 0.8 / (0.6 * 0.8 + 0.4 * 0.2))
    assert both.fields["category"]["by"] == "llm"
    assert both.engines == ("rules", "signals", "model", "llm")


def test_a_model_that_disagrees_is_only_a_suggestion() -> None:
    other = judged(0.5, category="hr")

    assert (other.category, other.department, other.band) == ("hr", "HR", "suggest")
    assert other.fields["category"]["before"] == "network"


def test_an_audit_stays_one_whatever_the_model_says() -> None:
    audited = replace(KNOWLEDGE, audit_share=1.0)

    agreed = judged(0.85, knowledge=audited, category="network")
    contradicted = judged(0.85, knowledge=audited, category="hr", confidence=0.1)

    assert (agreed.band, agreed.fields["category"]["audit"]) == ("auto", True)
    assert "Picked for an audit" in agreed.fields["category"]["why"]
    assert contradicted.band != "auto"
    assert "audit" not in contradicted.fields["category"]  # a person looks anyway


def test_what_only_both_together_are_sure_of_is_audited_too() -> None:
    found = judged(0.6, knowledge=replace(KNOWLEDGE, audit_share=1.0), category="network")

    assert (found.band, found.fields["category"].get("audit")) == ("auto", True)


def test_a_model_that_contradicts_what_is_likelier_only_lowers_the_confidence() -> None:
    other = judged(0.95, category="hr")

    assert (other.category, other.band) == ("network", "suggest")
    assert other.confidence < 0.95
    assert "The LLM would say hr" in other.fields["category"]["why"]


def test_its_own_confidence_never_counts_for_more_than_it_has_earned() -> None:
    assert judged(0.5, category="network", confidence=1.0).confidence == pytest.approx(MOST_TRUST)
    assert judged(0.5, category="network", confidence=None).confidence == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("found", "said", "level"), [(3, 1, 2), (3, 2, 2), (1, 3, 2), (2, 1, 1), (2, 3, 3), (1, 1, 1)]
)
def test_a_level_moves_by_one_step_at_most(found: int, said: int, level: int) -> None:
    decision = judged(urgency=said, signals={"urgency": found, "urgency_reason": "Because."})

    assert decision.urgency == level
    assert decision.fields["urgency"]["by"] == ("rule" if level == found else "llm")


def test_where_nothing_speaks_of_a_level_the_lowest_is_where_it_starts() -> None:
    decision = judged(impact=1, urgency=1)

    assert (decision.impact, decision.urgency, decision.priority) == (2, 2, 3)


def test_priority_and_destination_follow_as_always() -> None:
    signals = {"impact": 2, "urgency": 1, "impact_reason": "x", "urgency_reason": "y"}
    decision = judged(0.5, category="hr", impact=1, urgency=1, signals=signals)

    assert (decision.priority, decision.department) == (1, "HR")
    assert decision.fields["priority"]["by"] == "matrix"
    assert decision.fields["department"]["by"] == "routing"


def test_what_a_person_set_is_never_touched() -> None:
    given = GIVEN._replace(fixed={"category": "hr", "impact": 3, "priority": 4, "department": "IT"})

    decision = judged(given=given, category="network", impact=1, urgency=1)

    assert (decision.category, decision.impact, decision.priority) == ("hr", 3, 4)
    assert decision.department == "IT"
    assert decision.fields["category"]["by"] == "person"
    assert decision.input_hash == decide(given, evidence(), KNOWLEDGE).input_hash


def test_a_prompts_invariants_bound_it_further() -> None:
    decision = judged(0.5, category="hr", impact=1, bounds=Bounds(frozenset({"impact"}), 0))

    assert (decision.category, decision.impact) == ("network", 3)


_SHARES = st.floats(0, 1)


@given_by(_SHARES, _SHARES)
def test_two_judges_are_never_surer_than_certain(first: float, second: float) -> None:
    agreed = together(first, second)
    winner, disagreed = likelier("one", first, "other", second)

    assert 0 <= agreed <= 1
    assert 0 <= disagreed <= 1
    assert disagreed <= max(first, second) + 1e-9 or first == second == 0
    assert (winner == "one") == (first * (1 - second) >= second * (1 - first))


@given_by(
    st.floats(0.34, 1),
    st.sampled_from(["network", "hr", None]),
    st.sampled_from([1, 2, 3, None]),
    st.sampled_from([1, 2, 3, None]),
    st.none() | st.floats(0, 1),
    st.integers(0, 2),
)
def test_whatever_it_says_the_decision_stays_within_bounds(
    share: float, category: Any, impact: Any, urgency: Any, sure: Any, steps: int
) -> None:
    values = {"category": category, "impact": impact, "urgency": urgency}
    bounds = Bounds(level_steps=steps)

    first = decide(GIVEN, evidence(share), KNOWLEDGE)
    decision = judged(share, bounds=bounds, confidence=sure, **values)

    assert abs(decision.impact - first.impact) <= steps
    assert abs(decision.urgency - first.urgency) <= steps
    assert decision.category in (first.category, category)
    assert decision.priority == matrix.DEFAULT[decision.impact, decision.urgency]
    assert 0 <= decision.confidence <= 1
    if category not in (None, first.category):
        assert decision.band != "auto"
    assert all(field["why"] for field in decision.fields.values())


def test_invariants_are_checked() -> None:
    assert check_invariants({}) == []
    assert check_invariants({"fields": ["impact"], "level_steps": 2}) == []
    assert bounds_of({"fields": ["impact"]}) == Bounds(frozenset({"impact"}), 1)
    assert "priority" not in "".join(check_invariants({"fields": ["priority"]})[0].split(":")[1])
    for wrong in ([], {"fields": []}, {"level_steps": 3}, {"level_steps": True}, {"steps": 1}):
        assert check_invariants(wrong)
