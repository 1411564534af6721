import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sla import retrying
from sla.retrying import Verdict, channel_pause, judge, pause, read_retry_after

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((200, "sent"), (204, "sent"), (302, "retry"), (400, "rejected"), (401, "rejected")),
        *((404, "gone"), (410, "gone"), (408, "retry"), (422, "rejected"), (429, "pause")),
        *((500, "retry"), (502, "retry"), (503, "pause"), (504, "retry"), (599, "retry")),
    ],
)
def test_what_each_status_means(status: int, verdict: str) -> None:
    assert judge(status, retry_after=None, said="").verdict == verdict


@given(st.integers(100, 999))
def test_every_status_has_a_meaning_and_every_failure_a_sentence(status: int) -> None:
    result = judge(status, retry_after=None, said="")

    assert bool(result.error) == (result.verdict is not Verdict.SENT)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("30", 30), (" 0 ", 0), ("999999999999", retrying.LONGEST_RETRY_AFTER)),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        *(("soon", None), ("-5", None), ("", None), ("1.5", None)),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert read_retry_after(text, now=NOW) == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_read_without_harm(text: str) -> None:
    seconds = read_retry_after(text, now=NOW)

    assert seconds is None or 0 <= seconds <= retrying.LONGEST_RETRY_AFTER


@given(st.integers(1, 1000), st.integers())
def test_pauses_grow_and_are_bounded(count: int, seed: int) -> None:
    chance = random.Random(seed)

    assert 8 <= pause(count, chance=chance) <= retrying.LONGEST_PAUSE
    assert 4 <= channel_pause(count, chance=chance) <= retrying.CHANNEL_LONGEST_PAUSE
    assert pause(count + 2, chance=chance) >= pause(count, chance=chance) or count > 8


def test_a_message_is_tried_about_twenty_times_in_its_day() -> None:
    chance, passed, tries = random.Random(1), 0.0, 0
    while passed < retrying.GIVE_UP_HOURS * 3600:
        tries += 1
        passed += pause(tries, chance=chance)

    assert 15 <= tries <= 30
