"""How a decision explains itself, and whose word counts for which field."""

from typing import Any

import pytest

from triage.classifier.model import Prediction
from triage.classifier.thresholds import NEVER
from triage.decide import Classifier, Decision, Knowledge, decide
from triage.evidence import Evidence, Given, examine
from triage.matrix import DEFAULT, PriorityMatrix
from triage.routing import RoutingSpec, RoutingTable
from triage.rules import RuleBook, RuleSpec
from triage.terms import Term

URGENT = RuleSpec(3, 1, "hurry", (Term("hurry", 2.0),), urgency=1)


def guess(label: str, confidence: float) -> Prediction:
    return Prediction(label, confidence, ((label, confidence),), (), {label: confidence})


def decided(
    title: str = "It fails",
    *,
    thresholds: dict[str, float] | None = None,
    fixed: dict[str, Any] | None = None,
    **guesses: Prediction,
) -> Decision:
    known = Knowledge(
        rules=RuleBook.compile([URGENT]),
        matrix=PriorityMatrix(DEFAULT),
        routing=RoutingTable.build([RoutingSpec(1, 1, "rest", "General", is_default=True)]),
        classifiers={
            field: Classifier(f"The {field} classifier", thresholds or {}) for field in guesses
        },
    )
    given = Given(title, "", "api", "standard", fixed or {})
    answers = {field: lambda texts, said=said: [said] for field, said in guesses.items()}
    [evidence] = examine([given], known.rules, answers)
    assert isinstance(evidence, Evidence)
    return decide(given, evidence, known)


@pytest.mark.parametrize(
    ("threshold", "words"), [(0.8, "it acts alone from 80%."), (NEVER, "it never acts alone here.")]
)
def test_the_reason_says_from_when_the_classifier_acts_alone(threshold: float, words: str) -> None:
    decision = decided(category=guess("bug", 0.7), thresholds={"bug": threshold})

    assert decision.fields["category"]["why"] == f"The category classifier is 70% sure; {words}"


def test_a_decision_says_who_was_asked_and_what_the_classifier_needed() -> None:
    decision = decided(category=guess("bug", 0.7), thresholds={"bug": 0.8})

    assert decision.engines == ("rules", "signals", "model")
    assert decision.model == "The category classifier"
    entry = decision.fields["category"]
    assert (entry["confidence"], entry["threshold"], entry["band"]) == (0.7, 0.8, "suggest")


def test_without_a_classifier_no_model_was_asked() -> None:
    decision = decided(fixed={"impact": 1})

    assert decision.engines == ("person", "rules", "signals")
    assert decision.model == ""


def test_a_classifier_that_is_sure_of_the_urgency_outweighs_the_words() -> None:
    decision = decided("Hurry", urgency=guess("3", 0.96), thresholds={"3": 0.9})

    assert decision.urgency == 3
    assert decision.fields["urgency"]["by"] == "model"
    assert decision.fields["urgency"]["model"] == "The urgency classifier"


def test_a_classifier_that_is_not_sure_of_the_urgency_leaves_it_to_the_words() -> None:
    decision = decided("Hurry", urgency=guess("3", 0.8), thresholds={"3": 0.9})

    assert decision.urgency == 1
    assert decision.fields["urgency"]["by"] == "rule"
    assert decision.fields["urgency"]["instead_of"]["value"] == "3"


def test_where_words_say_nothing_an_unsure_classifier_still_beats_the_lowest_level() -> None:
    decision = decided(impact=guess("2", 0.6), thresholds={"2": 0.9})

    assert decision.impact == 2
    assert decision.fields["impact"]["band"] == "suggest"


def test_no_classifier_outweighs_a_person() -> None:
    decision = decided(
        fixed={"impact": 1, "category": "hr"},
        impact=guess("3", 1.0),
        category=guess("bug", 1.0),
    )

    assert (decision.impact, decision.category) == (1, "hr")
    assert decision.fields["impact"]["by"] == "person"


def test_a_classifier_of_levels_alone_makes_no_category() -> None:
    decision = decided(urgency=guess("1", 0.99))

    assert decision.category == "general"
    assert decision.band == "review"
