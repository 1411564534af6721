import random
import string
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from triage.classifier.calibration import confidence_map
from triage.classifier.evaluation import as_table, evaluate
from triage.classifier.features import OPENING, Example, document
from triage.classifier.model import mapped, softmax
from triage.classifier.recipe import folds, how_telling
from triage.classifier.storage import dumps, loads
from triage.classifier.thresholds import NEVER
from triage.classifier.training import TooFewExamples, train

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = {
    "network": ["vpn", "router", "wifi", "dns", "switch", "cable"],
    "hr": ["leave", "salary", "contract", "holiday", "sick", "payroll"],
}
COMMON = ["please", "help", "the", "my", "is", "since", "today", "again"]


def tickets(count: int, *, noise: float = 0.0, seed: int = 1, step: int = 0) -> list[Example]:
    chance = random.Random(seed)
    found = []
    for number in range(count):
        label = "network" if number % 2 else "hr"
        about = chance.choice(list(WORDS)) if chance.random() < noise else label
        words = chance.sample(WORDS[about], 2) + chance.sample(COMMON, 3)
        at = NOW - timedelta(hours=step * (count - number)) if step else None
        found.append(Example(words[0], " ".join(words[1:]), label, at))
    return found


def test_a_model_keeps_what_came_of_its_predictions_when_it_is_stored() -> None:
    model = train(tickets(300, noise=0.2))

    stored = loads(dumps(model))

    assert len(stored.outcomes) == 300
    assert stored.thresholds(0.8) == model.thresholds(0.8)
    assert stored.curve() == model.curve()
    assert stored.thresholds() == stored.auto_thresholds
    assert max(stored.thresholds(0.8).values()) <= max(stored.thresholds(0.95).values())


def test_where_times_are_known_the_newest_tickets_judge() -> None:
    old, new = tickets(400, step=1), tickets(200, noise=0.9, seed=2)
    examples = old + [Example(e.title, e.description, e.label, NOW) for e in new]

    by_time = train(examples)
    by_folds = train([Example(e.title, e.description, e.label) for e in examples])

    assert (by_time.scores["judged_on"], by_folds.scores["judged_on"]) == ("newest", "folds")
    assert len(by_time.outcomes) == 250
    assert by_time.scores["accuracy"] < by_folds.scores["accuracy"]


def test_where_the_older_tickets_have_one_label_all_judge() -> None:
    examples = [
        Example("vpn router" if new else "leave salary", "", "network" if new else "hr", at)
        for hour in range(600)
        for new, at in [(hour >= 450, NOW + timedelta(hours=hour))]
    ]

    assert train(examples).scores["judged_on"] == "folds"


def test_words_that_stand_in_two_tickets_alone_teach_something_or_nothing() -> None:
    words = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"]
    examples = [Example(word, "", "ab"[n % 2]) for n, word in enumerate([*words, "alpha"])]

    assert train(examples).labels == ("a", "b")
    with pytest.raises(TooFewExamples, match="No word occurs in two examples"):
        train([Example(f"{word} {word}", "", "ab"[n % 2]) for n, word in enumerate(words)])


def test_what_was_said_lately_counts_for_more() -> None:
    before = [
        Example("kiosk", f"screen {number}", "hr", NOW - timedelta(days=2000))
        for number in range(12)
    ]
    lately = [Example("kiosk", f"screen {number}", "network", NOW) for number in range(10)]
    filler = [Example(e.title, e.description, e.label, NOW) for e in tickets(40)]

    found = train(before + lately + filler, now=NOW).predict([("kiosk", "screen")])[0]

    assert found.label == "network"


def test_examples_from_elsewhere_help_with_labels_that_the_desk_has() -> None:
    own = tickets(20)
    helping = [
        *(Example("proxy", f"gateway number {n}", "network") for n in range(10)),
        *(Example("sofa", "in the lobby", "facilities") for _ in range(10)),
    ]

    alone, helped = train(own), train(own, base=helping)

    assert helped.labels == alone.labels
    assert helped.scores["examples"] == 20
    asked = [("proxy gateway", "")]
    assert helped.predict(asked)[0].shares["network"] > alone.predict(asked)[0].shares["network"]


def test_what_tells_labels_apart_counts_more_than_what_stands_everywhere() -> None:
    truth = np.repeat([0, 1], 20)
    everywhere, one_label, twice = np.ones(40), truth == 0, np.arange(40) < 2

    counts = csr_matrix(np.column_stack([everywhere, one_label, twice]).astype(np.float32))
    common, sure, rare = how_telling(counts, truth, np.ones(40))

    assert sure > rare > common  # the same label each time, but two texts prove less than twenty
    assert (40 * common**2 + 20 * sure**2 + 2 * rare**2) / 62 == pytest.approx(1)


def test_what_told_labels_apart_elsewhere_is_not_trusted_to_do_so_here() -> None:
    examples = [
        Example("", f"{word} is {state} again {n % 7}", word)
        for n in range(30)
        for word in ("printer", "vpn")
        for state in ("down", "slow")
    ]

    at_home, abroad = train(examples, name="t"), train(examples, name="t", foreign=True)

    assert (at_home.scores["recipe"]["telling"], abroad.scores["recipe"]["telling"]) == (
        True,
        False,
    )


def test_only_what_stands_in_two_tickets_is_kept() -> None:
    secret = Example("vpn", "my password is xq7zjwvkp", "network")

    model = train([*tickets(60), secret])

    assert not [word for word in model.vocabulary if "xq7zjwvkp" in word]
    assert model.pieces is not None
    assert not [piece for piece in model.pieces.columns if piece in ("zjwv", "xq7zj", "wvkp")]


def test_a_long_text_has_an_opening_and_a_short_one_has_none() -> None:
    short, long = document(("a title", "word " * OPENING)), document(("a title", "word " * 99))

    assert (short.opening, long.opening) == (0, OPENING + 2)


def test_labels_that_the_desk_has_not_given_are_learnt_from_elsewhere_and_never_act_alone() -> None:
    own = tickets(200)
    shipped = [Example("sofa", f"chair in room {n}", "facilities") for n in range(40)]

    model = train(own, instead=shipped)

    assert model.labels == ("facilities", "hr", "network")
    assert model.predict([("a sofa", "and a chair")])[0].label == "facilities"
    assert (model.scores["examples"], len(model.outcomes)) == (200, 200)
    assert model.auto_thresholds["facilities"] == model.thresholds(0.7)["facilities"] == NEVER
    assert model.auto_thresholds["network"] < NEVER


def test_a_label_of_one_ticket_is_kept_where_examples_from_elsewhere_carry_it() -> None:
    shipped = [Example("sofa", f"chair in room {n}", "facilities") for n in range(9)]

    model = train([*tickets(40), Example("odd", "one", "facilities")], instead=shipped)

    assert "facilities" in model.labels
    assert model.scores["left_out"] == {}


def test_copies_are_no_proof_of_what_was_learnt() -> None:
    """Twelve alerts, five times each, with labels that nothing in them tells."""
    chance = random.Random(3)
    alerts = [" ".join(chance.sample(string.ascii_lowercase, 8)) for _ in range(12)]
    examples = [
        Example(f"alert {text}", f"{text} {text}", "network" if number % 2 else "hr")
        for number, text in enumerate(alerts)
        for _ in range(5)
    ]

    assert train(examples).scores["accuracy"] < 0.75


def test_a_label_that_is_one_alert_again_and_again_is_learnt_all_the_same() -> None:
    alert = [Example("disk full", "on the file server of the office", "storage")] * 20

    model = train([*tickets(40), *alert])

    assert model.scores["labels"]["storage"]["recall"] == 1.0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(0, 9))
def test_near_copies_are_in_the_same_part(copies: list[int], seed: int) -> None:
    groups = np.array(copies)

    part = folds(np.zeros_like(groups), groups, seed)

    assert all(len(set(part[groups == group])) == 1 for group in set(copies))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(0, 9))
def test_folds_spread_every_label_evenly(truth: list[int], seed: int) -> None:
    labels = np.array(truth)

    part = folds(labels, np.arange(len(labels)), seed)

    for label in set(truth):
        sizes = np.bincount(part[labels == label], minlength=5)
        assert sizes.max() - sizes.min() <= 1


def test_the_confidence_map_mends_what_is_too_sure() -> None:
    chance = np.random.default_rng(1)
    said = chance.uniform(0.5, 1, 4000)
    right = chance.uniform(size=4000) < said - 0.2

    knots = confidence_map(said, right)

    assert np.all(np.diff(knots, axis=1) >= 0)
    assert np.interp(0.9, *knots) == pytest.approx(0.7, abs=0.06)
    assert confidence_map(said[:100], right[:100]).size == 0


@given(st.lists(st.lists(st.floats(-4, 4), min_size=3, max_size=3), min_size=1, max_size=20))
def test_mapped_shares_sum_to_one_and_keep_their_winner(rows: list[list[float]]) -> None:
    shares = softmax(np.array(rows))
    knots = np.array([[0.0, 0.5, 1.0], [0.0, 0.1, 0.9]], dtype=np.float32)

    found = mapped(shares, knots)

    assert found.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    assert np.all(found.max(axis=1) - found[np.arange(len(rows)), shares.argmax(axis=1)] < 1e-9)


def test_engines_are_compared_in_one_table() -> None:
    examples = tickets(60)
    report = evaluate(
        train(examples).predict([e.text for e in examples]), [e.label for e in examples]
    )

    table = as_table({"champion": report, "a challenger": report}).splitlines()

    assert len(table) == 3
    assert table[1].startswith("champion ")
    assert f"{report.macro_f1:.3f}" in table[2]
