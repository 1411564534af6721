import random
import time

from hypothesis import given
from hypothesis import strategies as st

from triage.classifier.comparison import compare

LABELS = ("billing", "hr", "network")


def answers(truth: list[str], right: float, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [t if chance.random() < right else chance.choice(LABELS) for t in truth]


def truth_of(count: int) -> list[str]:
    return [LABELS[number % 3] for number in range(count)]


def test_a_clearly_better_challenger_is_better() -> None:
    truth = truth_of(600)

    found = compare(truth, answers(truth, 0.5, 1), answers(truth, 0.8, 2))

    assert found.better
    assert 0 < found.low < found.gain < found.high
    assert "better" in found.why


def test_the_same_model_is_not_better_but_not_worse_either() -> None:
    truth = truth_of(300)
    guesses = answers(truth, 0.7, 1)

    assert not compare(truth, guesses, guesses).better
    assert compare(truth, guesses, guesses, non_inferior=True).better


def test_a_class_that_is_found_less_often_forbids_it_and_is_named() -> None:
    truth = truth_of(900)
    champion = answers(truth, 0.5, 1)
    challenger = ["billing" if t == "hr" and n % 5 < 3 else t for n, t in enumerate(truth)]

    found = compare(truth, champion, challenger, non_inferior=True)

    assert found.low > 0
    assert not found.better
    assert "“hr”" in found.why
    [hr] = [recall for recall in found.recalls if recall.label == "hr"]
    assert (hr.support, hr.challenger) == (300, 0.4)


def test_a_class_of_a_few_tickets_forbids_nothing() -> None:
    truth = [*truth_of(600), *["rare"] * 5]
    champion = [*answers(truth_of(600), 0.4, 1), *["rare"] * 5]
    challenger = [*truth_of(600), *["rare"] * 3, "hr", "hr"]

    assert compare(truth, champion, challenger).better


def test_few_tickets_that_are_clearly_better_are_enough() -> None:
    truth = truth_of(80)

    found = compare(truth, answers(truth, 0.2, 1), answers(truth, 0.7, 2), cautious=True)

    assert found.better


def test_knowing_what_is_common_here_is_not_enough_for_few_tickets() -> None:
    """The champion speaks of labels that this desk has not; the challenger guesses among those that it has."""
    truth = truth_of(80)
    elsewhere = ["elsewhere"] * 80

    found = compare(truth, elsewhere, answers(truth, 0.0, 5), cautious=True)

    assert found.low > 0
    assert not found.better
    assert "any other tickets" in found.why


def test_answers_without_a_reason_win_in_hardly_any_of_300_comparisons() -> None:
    won = 0
    for seed in range(300):
        chance = random.Random(seed)
        size = chance.choice((50, 80, 120, 300))
        truth, old, new = ([chance.choice(LABELS) for _ in range(size)] for _ in range(3))
        won += compare(truth, old, new, cautious=True, seed=seed).better

    assert won <= 2


def test_without_tickets_nothing_is_better() -> None:
    assert not compare([], [], []).better


def test_five_thousand_tickets_are_compared_within_a_second() -> None:
    labels = [str(number % 24) for number in range(5_000)]
    chance = random.Random(3)
    champion = [t if chance.random() < 0.7 else str(chance.randrange(24)) for t in labels]
    challenger = [t if chance.random() < 0.75 else str(chance.randrange(24)) for t in labels]

    started = time.process_time()
    compare(labels, champion, challenger)

    assert time.process_time() - started < 1


@given(st.lists(st.tuples(*[st.sampled_from(LABELS)] * 3), min_size=1, max_size=60))
def test_the_interval_holds_the_gain_or_nearly(triples: list[tuple[str, str, str]]) -> None:
    truth, champion, challenger = (list(column) for column in zip(*triples, strict=True))

    found = compare(truth, champion, challenger)

    assert found.low <= found.high
    assert 0 <= found.champion <= 1
    assert 0 <= found.challenger <= 1
    assert not (found.better and found.low <= 0)
