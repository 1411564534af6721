import pytest

from triage.classifier.suitability import suitability


def test_enough_tickets_of_two_labels_are_worth_a_model() -> None:
    assert suitability(["low"] * 30 + ["high"] * 20) == ""


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([], "Only 0 labelled tickets: a model needs 50."),
        (["low"] * 20 + ["high"] * 20, "Only 40 labelled tickets"),
        (["low"] * 60, "Only “low” has 5 labelled tickets"),
        ([str(number) for number in range(60)], "None has 5 labelled tickets"),
        (["low"] * 89 + ["high"] * 11, "89% of the labelled tickets are “low”"),
    ],
)
def test_what_cannot_carry_a_model_is_told_why(labels: list[str], reason: str) -> None:
    assert suitability(labels).startswith(reason)
