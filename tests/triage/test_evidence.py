from collections.abc import Sequence

import pytest

from triage import evidence
from triage.classifier.features import TextIn
from triage.classifier.model import Prediction
from triage.evidence import Evidence, Given, examine
from triage.rules import RuleBook, RuleSpec, TicketText
from triage.signals import Signals, read_signals
from triage.terms import Term

RULES = RuleBook.compile([RuleSpec(7, 1, "network", (Term("vpn", 2.0),), category="network")])
GOOD = Given("VPN is down", "for everybody in the office", "api", "standard")
BAD = Given("Bad", "", "api", "standard")
SURE = Prediction("network", 0.9, (("network", 0.9),), (), {"network": 0.9})


def sure(texts: Sequence[TextIn]) -> list[Prediction]:
    if any(title == "Bad" for title, _ in texts):
        raise RuntimeError("classifier")
    return [SURE] * len(texts)


CLASSIFIERS = {"category": sure}


def test_each_ticket_gets_what_every_engine_found() -> None:
    [found] = examine([GOOD], RULES, CLASSIFIERS)

    assert isinstance(found, Evidence)
    assert [hit.rule_id for hit in found.hits] == [7]
    assert found.signals == read_signals(GOOD.title, GOOD.description, "standard")
    assert found.guesses == {"category": SURE}


def test_without_a_classifier_there_is_no_guess() -> None:
    [found] = examine([GOOD], RULES, {})

    assert isinstance(found, Evidence)
    assert found.guesses == {}


def test_no_tickets_are_no_evidence() -> None:
    assert examine([], RULES, CLASSIFIERS) == []


def test_a_text_that_breaks_the_classifier_leaves_its_neighbours_their_guesses() -> None:
    first, bad, last = examine([GOOD, BAD, GOOD], RULES, CLASSIFIERS)

    assert isinstance(bad, RuntimeError)
    assert isinstance(first, Evidence)
    assert first.guesses == {"category": SURE}
    assert last == first


@pytest.mark.parametrize("engine", ["rules", "signals"])
def test_a_text_that_breaks_an_engine_is_answered_with_the_exception(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    def match(self: RuleBook, text: TicketText) -> tuple[()]:
        if text.title == "Bad":
            raise ValueError("rules")
        return ()

    def read(title: str, description: str, tier: str) -> Signals:
        if title == "Bad":
            raise ValueError("signals")
        return Signals()

    if engine == "rules":
        monkeypatch.setattr(RuleBook, "match", match)
    else:
        monkeypatch.setattr(evidence, "read_signals", read)

    good, bad = examine([GOOD, BAD], RULES, {})

    assert isinstance(good, Evidence)
    assert str(bad) == engine
