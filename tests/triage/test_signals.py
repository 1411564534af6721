import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.signals import read_signals


@pytest.mark.parametrize(
    ("text", "impact"),
    [
        ("All users are affected", 1),
        ("the whole office is offline", 1),
        ("about 120 employees cannot work", 1),
        ("fifty customers complained", 1),
        ("7 people cannot print", 2),
        ("my team is stuck", 2),
        ("my mouse is broken", None),
        ("this is not for all users", None),
    ],
)
def test_impact_is_how_many_suffer(text: str, impact: int | None) -> None:
    assert read_signals("", text).impact == impact


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("the site is down", 1),
        ("this is an outage", 1),
        ("please help asap", 1),
        ("we were hacked", 1),
        ("severity: critical", 1),
        ("severity: warning on node 3", 2),
        ("printing fails sometimes", 2),
        ("it is slow", 2),
        ("no rush, whenever you have time", 3),
        ("just a quick question", 3),
        ("would be nice to have dark mode", 3),
        ("this is not an outage", None),
        ("there was no data loss", None),
        ("which printer is mine", None),
    ],
)
def test_urgency_is_how_soon_it_must_end(text: str, urgency: int | None) -> None:
    assert read_signals("", text).urgency == urgency


def test_every_finding_quotes_its_words() -> None:
    signals = read_signals("", "All users say the site is down")

    assert "All users" in signals.impact_reason
    assert "is down" in signals.urgency_reason


def test_a_gold_customer_raises_an_urgency_by_one_step_but_makes_none() -> None:
    assert read_signals("", "it is slow", "gold").urgency == 1
    assert read_signals("", "hello", "gold").urgency is None


@given(st.text(), st.text())
def test_no_text_raises_and_every_level_has_its_reason(title: str, text: str) -> None:
    signals = read_signals(title, text)

    assert (signals.impact is None) == (signals.impact_reason == "")
    assert (signals.urgency is None) == (signals.urgency_reason == "")
