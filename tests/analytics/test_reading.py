"""How figures read."""

import pytest

from analytics.reading import count, counted_change, lasting, percent, points_change


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0042, "4 ms"),
        (0.9996, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (700, "11 min"),
        (3_600, "1 h"),
        (12_000, "3 h 20 min"),
        (86_399.9, "1 d"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_time_is_told_in_the_two_units_that_matter(seconds: float | None, text: str) -> None:
    assert lasting(seconds) == text


def test_counts_and_shares_read_alike_everywhere() -> None:
    assert [count(None), count(1234), percent(None), percent(93.25)] == [
        "–",
        "1,234",
        "–",
        "93.2 %",
    ]


@pytest.mark.parametrize(
    ("now", "before", "text"), [(1, 0, "+1"), (9, 9, "+0"), (12, 10, "+2 (+20 %)")]
)
def test_a_change_is_told_in_percent_when_there_was_enough(
    now: int, before: int, text: str
) -> None:
    assert counted_change(now, before) == text


def test_a_share_changes_by_points() -> None:
    assert points_change(93.0, 95.5) == "-2.5 points"
    assert points_change(None, 95.5) == ""
