"""How a decision explains itself."""

import pytest

from triage.classifier.model import Prediction
from triage.classifier.thresholds import NEVER
from triage.decide import Knowledge, decide
from triage.evidence import Evidence, Given, examine
from triage.matrix import DEFAULT, PriorityMatrix
from triage.routing import RoutingSpec, RoutingTable
from triage.rules import RuleBook


@pytest.mark.parametrize(
    ("threshold", "words"), [(0.8, "it acts alone from 80%."), (NEVER, "it never acts alone here.")]
)
def test_the_reason_says_from_when_the_classifier_acts_alone(threshold: float, words: str) -> None:
    known = Knowledge(
        rules=RuleBook.compile([]),
        matrix=PriorityMatrix(DEFAULT),
        routing=RoutingTable.build([RoutingSpec(1, 1, "rest", "General", is_default=True)]),
        thresholds={"bug": threshold},
        model_name="The classifier",
    )
    given = Given("It fails", "", "api", "standard")
    guess = Prediction("bug", 0.7, (("bug", 0.7),), (), {"bug": 0.7})
    [evidence] = examine([given], known.rules, lambda texts: [guess])
    assert isinstance(evidence, Evidence)

    decision = decide(given, evidence, known)

    assert decision.fields["category"]["why"] == f"The classifier is 70% sure; {words}"
