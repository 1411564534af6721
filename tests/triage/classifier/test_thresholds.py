import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from triage.classifier.thresholds import (
    NEVER,
    curve_of,
    outcomes_of,
    safe_threshold,
    stricter,
    thresholds_of,
)

Row = tuple[int, float, bool]


def outcomes(rows: list[Row]) -> np.ndarray:
    guesses = np.array([label for label, _, _ in rows], dtype=int)
    truth = np.where([right for _, _, right in rows], guesses, -1)
    return outcomes_of(guesses, np.array([confidence for _, confidence, _ in rows]), truth)


def test_a_higher_target_asks_for_more_confidence() -> None:
    rows = [(0, n / 1000, n % 10 > 0 or n > 700) for n in range(1000)]

    found = [
        thresholds_of(outcomes(rows), ["a"], target=target)["a"] for target in (0.9, 0.95, 0.99)
    ]

    assert found == sorted(found)
    assert found[0] < found[-1] <= 1


def test_the_bound_is_clopper_and_pearsons() -> None:
    right = [True] * 90 + [False] * 2
    threshold = safe_threshold([(0.9, ok) for ok in right], target=0.93)

    assert (threshold == 0.9) == (beta.ppf(0.05, 90, 3) >= 0.93)


def test_most_of_the_tickets_are_not_held_back_by_another_labels_mistakes() -> None:
    mostly = [(0, 0.9, n % 50 > 0) for n in range(900)]
    other = [(1, 0.9, n % 2 > 0) for n in range(100)]

    found = thresholds_of(outcomes(mostly + other), ["usual", "rare"])

    assert found["usual"] == pytest.approx(0.9)
    assert found["rare"] == NEVER


def test_without_outcomes_nothing_acts_alone() -> None:
    assert thresholds_of(outcomes([]), ["a"]) == {"a": NEVER}
    assert curve_of(outcomes([]), ["a"]) == []


def test_abroad_half_of_the_allowed_errors_must_do() -> None:
    assert stricter(0.95) == pytest.approx(0.975)
    assert stricter(0.8) == pytest.approx(0.9)


def test_the_curve_of_a_model_from_elsewhere_covers_what_it_will_do_alone() -> None:
    rows = [(n % 2, n / 2000, n % 7 > 0 or n > 1200) for n in range(2000)]

    at_home = {p.target: p.coverage for p in curve_of(outcomes(rows), ["a", "b"])}
    abroad = {p.target: p.coverage for p in curve_of(outcomes(rows), ["a", "b"], foreign=True)}

    assert abroad[0.9] == at_home[0.95]
    assert abroad[0.8] == at_home[0.9]


def test_the_curve_shows_what_a_target_costs() -> None:
    rows = [(n % 2, n / 2000, n % 7 > 0 or n > 1200) for n in range(2000)]

    points = curve_of(outcomes(rows), ["a", "b"])

    assert all(point.precision >= point.target for point in points)
    coverage = [point.coverage for point in points]
    assert coverage == sorted(coverage, reverse=True)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1, width=32), st.booleans()), max_size=150)
)
def test_whatever_happened_the_target_was_reached_above_the_thresholds(rows: list[Row]) -> None:
    found = thresholds_of(outcomes(rows), ["a", "b", "c"], target=0.8)
    alone = [right for label, confidence, right in rows if confidence >= found["abc"[label]]]

    assert not alone or sum(alone) / len(alone) >= 0.8
