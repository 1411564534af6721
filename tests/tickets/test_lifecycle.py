import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.lifecycle import MOVES, Status, can_move, parse_status, path

statuses = st.sampled_from(list(Status))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", "open"),
        ("NEW", "open"),
        ("In Progress", "in_progress"),
        ("on-hold", "on_hold"),
        ("Solved", "resolved"),
    ],
)
def test_words_of_other_systems_name_our_statuses(word: str, status: str) -> None:
    assert parse_status(word) == status


def test_an_unknown_status_names_the_right_ones() -> None:
    with pytest.raises(ValueError, match="open, in_progress, on_hold, resolved, closed, cancelled"):
        parse_status("flying")


@given(st.text())
def test_any_text_is_a_status_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_status(text) in Status


@given(statuses, statuses)
def test_a_path_consists_of_allowed_moves_and_ends_where_it_should(
    old: Status, new: Status
) -> None:
    steps = path(old, new)

    assert all(can_move(a, b) for a, b in zip((old, *steps), steps, strict=False))
    assert (steps[-1] if steps else old) is new


@given(statuses, statuses)
def test_an_allowed_move_is_its_own_path(old: Status, new: Status) -> None:
    if new in MOVES[old]:
        assert path(old, new) == (new,)
