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
        ("two hundred users call us", 1),
        ("everyone in the office is affected", 1),
        ("12 colleagues wait", 2),
        ("150 orders are stuck", 2),
        ("several users see it", 2),
        ("only me, everyone else is fine", 3),
        ("it doesn't work for all users", 1),
        ("not working for the whole company", 1),
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
        ("this isn't really urgent", 3),
        ("it is not critical", 3),
        ("it resolved itself meanwhile", 3),
        ("how do I reset the counter that fails", 3),
        ("[FIRING:3] HighErrorRate", 1),
        ("OperStatus: down", 1),
        ("CRITICAL - load average", 1),
        ("this is a SEV1", 1),
        ("P1: portal", 1),
        ("there is smoke coming out of the rack", 1),
        ("we need it by end of day", 1),
        ("the board meeting is in an hour", 1),
        ("please finish before Friday", 2),
        ("the VIP lounge", 2),
        ("just a quick question", 3),
        ("would be nice to have dark mode", 3),
        ("this is not an outage", None),
        ("there was no data loss", None),
        ("there was no sign of a data breach", None),
        ("nobody is down", None),
        ("Please download the manual", None),
        ("tissue box for the lobby", None),
        ("which printer is mine", None),
    ],
)
def test_urgency_is_how_soon_it_must_end(text: str, urgency: int | None) -> None:
    assert read_signals("", text).urgency == urgency


def test_every_finding_quotes_its_words() -> None:
    signals = read_signals("", "All users say the site is down")

    assert "all users" in signals.impact_reason
    assert "is down" in signals.urgency_reason


def test_a_denial_ends_with_its_sentence() -> None:
    assert read_signals("", "No. The site is down.").urgency == 1


def test_danger_outweighs_calm_words() -> None:
    assert read_signals("", "No rush, but there is smoke coming from the server").urgency == 1


def test_calm_words_outweigh_one_alarm_but_not_two() -> None:
    assert read_signals("", "The printer is down, no rush").urgency == 3
    assert read_signals("", "The shop is down, urgent! Next month we need a plan").urgency == 1


def test_what_stands_far_down_in_a_long_text_is_not_read() -> None:
    assert read_signals("", "a " * 5000 + "the site is down").urgency is None


def test_a_gold_customer_raises_an_urgency_by_one_step_but_makes_none() -> None:
    assert read_signals("", "it is slow", "gold").urgency == 1
    assert read_signals("", "hello", "gold").urgency is None


@given(st.text(), st.text())
def test_no_text_raises_and_every_level_has_its_reason(title: str, text: str) -> None:
    signals = read_signals(title, text)

    assert (signals.impact is None) == (signals.impact_reason == "")
    assert (signals.urgency is None) == (signals.urgency_reason == "")
