import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.counting import count_at
from triage.signals import tokens_of


def number(text: str) -> int | None:
    count = count_at(tokens_of(text), 0)
    return count.number if count else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("85 people", 85),
        ("1,200 users", 1200),
        ("1.200 employees", 1200),
        ("20k portal customers", 20_000),
        ("three dozen nurses", 36),
        ("two hundred of our users", 200),
        ("fifty customers", 50),
        ("6 of our stores", 6),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "5 minutes users wait",
        "3 pm agents",
        "192 . people",
        "2024 was a good year for people",
        "12345678901 users",
        "period=2025-05 tenants=4120",
    ],
)
def test_numbers_that_count_something_else_say_nothing(text: str) -> None:
    assert number(text) is None


def test_machines_of_which_one_person_has_many_are_not_people() -> None:
    assert count_at(["200", "laptops"], 0) == (200, "200 laptops", False)
    assert count_at(["200", "students"], 0) == (200, "200 students", True)


@given(st.text(min_size=1))
def test_no_text_raises(text: str) -> None:
    tokens = tokens_of(text)
    for start in range(len(tokens)):
        count_at(tokens, start)
