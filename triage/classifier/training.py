"""Training: labelled texts in, a model with honest probabilities and measured scores out."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from triage.classifier.calibration import confidence_map, fit_pool
from triage.classifier.copies import near_copies
from triage.classifier.evaluation import evaluate
from triage.classifier.features import Document, Example, document
from triage.classifier.model import Prediction, TrainedModel, mapped, softmax
from triage.classifier.recipe import Tickets, choose, fit, held_out_scores, later_scores
from triage.classifier.space import Space, count, joined
from triage.classifier.thresholds import (
    TARGET_PRECISION,
    outcomes_of,
    stricter,
    thresholds_of,
)
from triage.rules import RuleBook, TicketText, votes_of

MIN_PER_LABEL: Final = 3
#: From so many examples with a time on, the newest judge the model: later tickets are what it will meet.
ENOUGH_WITH_TIME: Final = 500
#: The newest share that judges, and the least number, for a bound on 95 % needs many.
NEWEST: Final = 0.2
LEAST_NEWEST: Final = 250
#: What a label says of today halves in this time, down to a rest.
HALF_LIFE: Final = timedelta(days=365)
LEAST_WEIGHT: Final = 0.25
#: How much an example counts that is not the desk's own, beside those of the desk and instead of them.
BASE_WEIGHT: Final = 0.1
INSTEAD_WEIGHT: Final = 0.3


class TooFewExamples(ValueError):
    """There is not enough to learn from. The message says what is missing."""


def train(
    examples: Sequence[Example],
    *,
    name: str = "model",
    rules: RuleBook | None = None,
    base: Sequence[Example] = (),
    instead: Sequence[Example] = (),
    seed: int = 0,
    now: datetime | None = None,
    foreign: bool = False,
) -> TrainedModel:
    """Learn to tell the labels apart, beside `rules` that speak of the same labels.

    `base` and `instead` are examples from elsewhere (the shipped corpus), which count for less and judge nothing.
    Of `base` only those are used with a label that `examples` have; the labels of `instead` are all learnt.
    With `now`, older examples count for less.
    `foreign`: the examples are of no desk, and what is measured on them promises less on a desk's tickets.
    Labels with fewer than 3 examples are left out (`scores["left_out"]`). All scores, the temperature, the rules'
    weight and the thresholds come from predictions on examples that the predicting model had not seen: 5 folds or,
    for scores and thresholds, the newest examples where their times are known. Near-copies are in the same fold.

    :raises TooFewExamples: fewer than two labels remain.
    """
    usable, left_out = _usable(examples, {example.label for example in instead})
    labels = tuple(sorted({example.label for example in (*usable, *instead)}))
    number = {label: index for index, label in enumerate(labels)}
    helping = [example for example in base if example.label in number]
    everything = [*usable, *helping, *instead]
    documents = [document(example.text) for example in everything]
    tickets = Tickets(
        count(documents),
        np.array([number[example.label] for example in everything]),
        len(labels),
        _weights(usable, helping, instead, now),
        len(usable),
        _copies(documents[: len(usable)], [number[example.label] for example in usable]),
    )
    if tickets.counted.counts.getnnz(axis=0).max(initial=0) < 2:
        raise TooFewExamples("No word occurs in two examples: there is nothing to learn from.")
    recipe = choose(tickets, seed, foreign=foreign)
    truth = tickets.truth[: len(usable)]
    scores = held_out_scores(tickets, recipe, seed)
    votes = _votes(usable, labels, rules)
    temperature, rule_weight = fit_pool(scores, votes, truth)
    shares = softmax(scores / temperature + rule_weight * votes)
    # The map is of the model alone: what rules add would go past it.
    knots = np.zeros((2, 0), dtype=np.float32)
    if not rule_weight:
        knots = confidence_map(shares.max(axis=1), shares.argmax(axis=1) == truth)
    newest = _newest(usable)
    if newest is not None:
        later = later_scores(tickets, recipe, seed, newest)
        shares = softmax(later / temperature + rule_weight * votes[newest])
        truth = truth[newest]
    shares = mapped(shares, knots)
    outcomes = outcomes_of(shares.argmax(axis=1), shares.max(axis=1), truth)
    target = stricter(TARGET_PRECISION) if foreign else TARGET_PRECISION
    needed = thresholds_of(outcomes, labels, target=target)
    found = evaluate(
        as_predictions(shares, labels), [labels[index] for index in truth], threshold=needed
    )
    everyone = np.arange(len(everything))
    space = Space(tickets.counted, everyone, composed=recipe.pieces > 0, opening=recipe.opening)
    learnt, intercepts = fit(
        joined(*space.features(everyone), recipe.pieces), tickets, everyone, recipe, seed
    )
    vocabulary, idf, coefficients, pieces = space.parts(learnt, recipe.pieces)
    return TrainedModel(
        name=name,
        labels=labels,
        vocabulary=vocabulary,
        idf=idf,
        coefficients=coefficients,
        intercepts=intercepts,
        prior=_prior(tickets),
        temperature=temperature,
        auto_thresholds=needed,
        rule_weight=rule_weight,
        scores={
            **found.as_dict(),
            "examples": len(usable),
            "left_out": left_out,
            "recipe": recipe._asdict(),
            "judged_on": "folds" if newest is None else "newest",
        },
        outcomes=outcomes,
        confidence_map=knots,
        pieces=pieces,
        new_idf=space.new_idf,
        opening=recipe.opening,
        foreign=foreign,
    )


def _usable(
    examples: Sequence[Example], filled: Collection[str]
) -> tuple[list[Example], dict[str, int]]:
    """Those that can be learnt, and how many of which labels cannot. `filled`: labels known from elsewhere."""
    counts = Counter(example.label for example in examples)
    left_out = {
        label: count
        for label, count in counts.items()
        if count < MIN_PER_LABEL and label not in filled
    }
    usable = [example for example in examples if example.label not in left_out]
    if len(counts) - len(left_out) < 2:
        few = ", ".join(f"{label} ({count})" for label, count in sorted(counts.items())) or "none"
        raise TooFewExamples(
            f"At least two labels with {MIN_PER_LABEL} examples each are needed; there are: {few}."
        )
    return usable, left_out


def _weights(
    own: Sequence[Example],
    helping: Sequence[Example],
    instead: Sequence[Example],
    now: datetime | None,
) -> NDArray[np.float64]:
    """How much each example counts; the desk's own 1 in the mean, whatever their age."""
    weights = np.array([example.weight * _freshness(example.at, now) for example in own])
    weights /= weights.mean()
    beside = [BASE_WEIGHT * example.weight for example in helping]
    return np.concatenate(
        [weights, beside, [INSTEAD_WEIGHT * example.weight for example in instead]]
    )


def _copies(documents: Sequence[Document], truth: Sequence[int]) -> NDArray[np.intp]:
    """The near-copies; a label that is one alert again and again has none, for held out nobody would know it."""
    copies, labels = near_copies(documents), np.array(truth)
    for label in set(truth):
        mine = np.flatnonzero(labels == label)
        if len(np.unique(copies[mine])) == 1:
            copies[mine] = copies.max() + 1 + np.arange(len(mine))
    return copies


def _prior(tickets: Tickets) -> NDArray[np.float32]:
    """Each label's share among the desk's tickets; one that it has not given counts as if it had once."""
    counts = np.maximum(np.bincount(tickets.truth[: tickets.own], minlength=tickets.labels), 1)
    shares: NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return shares


def _freshness(at: datetime | None, now: datetime | None) -> float:
    if at is None or now is None:
        return 1.0
    age: float = max(now - at, timedelta()) / HALF_LIFE
    return float(max(LEAST_WEIGHT, 0.5**age))


def _newest(examples: Sequence[Example]) -> NDArray[np.bool_] | None:
    """Which examples are the newest, when enough of them have a time; those without are as old as the oldest.

    None, too, where the others would teach one label alone.
    """
    times = np.array([example.at.timestamp() if example.at else -np.inf for example in examples])
    if np.isfinite(times).sum() < ENOUGH_WITH_TIME:
        return None
    share = max(NEWEST, LEAST_NEWEST / len(times))
    newest = np.zeros(len(times), dtype=bool)
    older, later = np.split(np.argsort(times, kind="stable"), [round((1 - share) * len(times))])
    newest[later] = True
    return newest if len({examples[index].label for index in older}) > 1 else None


def _votes(
    examples: Sequence[Example], labels: Sequence[str], rules: RuleBook | None
) -> NDArray[Any]:
    """The root of the rules' score, examples × labels."""
    votes = np.zeros((len(examples), len(labels)))
    column = {label: index for index, label in enumerate(labels)}
    if rules is None:
        return votes
    for row, example in enumerate(examples):
        for label, score in votes_of(rules.match(TicketText(*example.text))).items():
            if label in column:
                votes[row, column[label]] = score**0.5
    return votes


def as_predictions(shares: NDArray[Any], labels: Sequence[str]) -> list[Prediction]:
    found = []
    for row in shares.tolist():
        known = dict(zip(labels, row, strict=True))
        label = max(known, key=known.__getitem__)
        found.append(Prediction(label, known[label], ((label, known[label]),), (), known))
    return found
