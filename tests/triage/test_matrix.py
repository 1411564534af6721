import pytest

from triage.matrix import DEFAULT, LEVELS, PriorityMatrix, priority


@pytest.mark.parametrize(
    ("impact", "urgency", "expected"),
    [(1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 2, 3), (2, 3, 4), (3, 1, 3), (3, 3, 4)],
)
def test_the_default_matrix_is_the_usual_one(impact: int, urgency: int, expected: int) -> None:
    assert priority(PriorityMatrix(DEFAULT), impact, urgency) == expected


def test_the_default_matrix_treats_impact_and_urgency_alike() -> None:
    matrix = PriorityMatrix(DEFAULT)

    assert all(priority(matrix, i, u) == priority(matrix, u, i) for i in LEVELS for u in LEVELS)


def test_the_default_matrix_makes_nothing_more_urgent_when_it_matters_less() -> None:
    matrix = PriorityMatrix(DEFAULT)

    for impact in LEVELS:
        for urgency in LEVELS:
            here = priority(matrix, impact, urgency)
            assert here <= priority(matrix, min(3, impact + 1), urgency)
            assert here <= priority(matrix, impact, min(3, urgency + 1))


def test_an_incomplete_matrix_names_the_missing_cell() -> None:
    with pytest.raises(ValueError, match="impact 3, urgency 3"):
        PriorityMatrix({cell: value for cell, value in DEFAULT.items() if cell != (3, 3)})


@pytest.mark.parametrize("value", [0, 5, -1])
def test_a_matrix_with_a_priority_outside_the_scale_names_the_cell(value: int) -> None:
    with pytest.raises(ValueError, match="impact 2, urgency 1"):
        PriorityMatrix({**DEFAULT, (2, 1): value})
