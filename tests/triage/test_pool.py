from math import exp, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.classifier.features import Example
from triage.classifier.model import TOP, Prediction
from triage.classifier.training import train
from triage.pool import UNKNOWN, among, pooled
from triage.rules import RuleBook, RuleSpec, TicketText, votes_of
from triage.terms import Term

LABELS = ("billing", "hr", "network", "storage", "bug")


def prediction(shares: dict[str, float]) -> Prediction:
    ranked = tuple(sorted(shares.items(), key=lambda pair: -pair[1])[:TOP])
    return Prediction(*ranked[0], ranked, (("word", 1.0),), shares)


def book(**words: str) -> RuleBook:
    return RuleBook.compile(
        RuleSpec(i, i, slug, (Term(word, 4.0),), category=slug)
        for i, (slug, word) in enumerate(words.items())
    )


GUESS = prediction({"billing": 0.5, "hr": 0.3, "network": 0.1, "storage": 0.06, "bug": 0.04})


def test_without_votes_or_weight_the_guess_stays() -> None:
    assert pooled(GUESS, {}, 1.0) is GUESS
    assert pooled(GUESS, {"hr": 4.0}, 0.0) is GUESS


def test_the_rules_can_tip_the_scales_and_the_words_for_the_loser_go() -> None:
    found = pooled(GUESS, {"hr": 4.0}, 1.0)

    assert (found.label, found.words) == ("hr", ())
    assert found.confidence == pytest.approx(0.3 * exp(2) / (0.7 + 0.3 * exp(2)))


def test_what_only_the_rules_know_can_win_too() -> None:
    found = pooled(GUESS, {"facilities": 25.0}, 1.0)

    assert found.label == "facilities"
    assert found.confidence == pytest.approx(UNKNOWN * exp(5) / (1 + UNKNOWN * exp(5)))


@given(
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    st.dictionaries(st.sampled_from(LABELS), st.floats(0.1, 60), max_size=4),
    st.sampled_from((0.3, 1.0, 1.8)),
)
def test_it_is_the_product_made_to_sum_to_one(
    raw: list[float], votes: dict[str, float], weight: float
) -> None:
    shares = {label: value / sum(raw) for label, value in zip(LABELS, raw, strict=True)}
    mass = {label: p * exp(weight * sqrt(votes.get(label, 0.0))) for label, p in shares.items()}
    best = sorted(mass.values(), reverse=True)[:TOP]

    found = pooled(prediction(shares), votes, weight)

    assert [share for _, share in found.alternatives] == pytest.approx(
        [value / sum(mass.values()) for value in best]
    )


def test_of_labels_that_are_gone_only_doubt_is_left() -> None:
    found = among(GUESS, {"hr", "bug", "travel"})

    assert (found.label, found.confidence, found.words) == ("hr", 0.3, ())
    assert found.alternatives == (("hr", 0.3), ("bug", 0.04))
    assert among(GUESS, {"billing"}).words == GUESS.words
    assert pooled(found, {"bug": 4.0}, 1.0).confidence < 0.3


def test_votes_are_the_scores_of_the_rules_that_name_a_category() -> None:
    hits = book(hr="leave", billing="invoice").match(TicketText("Invoice", "leave and invoice"))

    assert votes_of(hits) == {"hr": 4.0, "billing": 8.0}


def test_training_gives_rules_no_weight_when_they_know_none_of_the_labels() -> None:
    examples = [Example(f"{word} {n}", "", word) for word in ("vpn", "chair") for n in range(9)]

    assert train(examples, rules=book(hr="leave")).rule_weight == 0.0


def test_training_gives_rules_weight_when_they_are_right_where_words_are_not() -> None:
    words = ("alpha", "beta", "gamma")
    examples = [
        Example(f"{word} {extra}", "", label)
        for label, extra in (("hr", "leave"), ("billing", "invoice"))
        for word in words
        for _ in range(4)
    ]
    noisy = [Example(e.title.split()[0], "", e.label) for e in examples]

    assert train([*examples, *noisy], rules=book(hr="leave", billing="invoice")).rule_weight > 0
