import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.priority import parse_level, parse_priority


@pytest.mark.parametrize(
    ("value", "priority"),
    [
        (1, 1),
        ("4", 4),
        ("P2", 2),
        ("p3", 3),
        ("High", 2),
        ("critical", 1),
        ("3 - Moderate", 3),
        ("normal", 3),
        ("LOW", 4),
    ],
)
def test_priorities_are_read_as_other_systems_write_them(value: object, priority: int) -> None:
    assert parse_priority(value) == priority


@pytest.mark.parametrize(("value", "level"), [(3, 3), ("2 - Medium", 2), ("high", 1), ("low", 3)])
def test_levels_are_read_as_other_systems_write_them(value: object, level: int) -> None:
    assert parse_level(value) == level


@pytest.mark.parametrize("value", [0, 5, "P7", "", True, None, 1.5, "someday", []])
def test_anything_else_is_refused_with_what_would_be_right(value: object) -> None:
    with pytest.raises(ValueError, match="Use 1-4"):
        parse_priority(value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_no_value_makes_a_priority_outside_the_scale(value: object) -> None:
    with contextlib.suppress(ValueError):
        assert parse_priority(value) in (1, 2, 3, 4)
