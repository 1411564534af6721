"""Training: labelled texts in, a model with honest probabilities and measured scores out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from triage.classifier.evaluation import evaluate
from triage.classifier.features import (
    Example,
    all_tokens,
    build_vocabulary,
    inverse_frequency,
    vectorize,
)
from triage.classifier.model import Prediction, TrainedModel, softmax
from triage.classifier.thresholds import outcomes_of, thresholds_of
from triage.rules import RuleBook, TicketText, votes_of

MIN_PER_LABEL: Final = 5
FOLDS: Final = 5
MOST_FEATURES: Final = 150_000
#: Strengths that are tried; the one with the best out-of-fold macro-F1 wins.
STRENGTHS: Final = (0.1, 0.3, 1.0)
#: Weights of the rules that are tried.
WEIGHTS: Final = (0.0, 0.3, 0.6, 1.0, 1.4, 1.8, 2.4)


class TooFewExamples(ValueError):
    """There is not enough to learn from. The message says what is missing."""


@dataclass(frozen=True)
class _Space:
    vocabulary: dict[str, int]
    idf: NDArray[np.float32]


def train(
    examples: Sequence[Example],
    *,
    name: str = "model",
    rules: RuleBook | None = None,
    base: Sequence[Example] = (),
    seed: int = 0,
    now: datetime | None = None,
) -> TrainedModel:
    """Learn to tell the labels apart, beside `rules` that speak of the same labels.

    Labels with fewer than 5 examples are left out (`scores["left_out"]`). All scores, the temperature, the rules'
    weight and the thresholds come from predictions on examples that the predicting model had not seen (5 folds).

    :raises TooFewExamples: fewer than two labels remain.
    """
    usable, left_out = _usable(examples)
    labels = tuple(sorted({example.label for example in usable}))
    truth = np.array([labels.index(example.label) for example in usable])
    documents = list(all_tokens(example.text for example in usable))
    strength, held_out = _choose_strength(documents, truth, len(labels), seed)
    votes = _votes(usable, labels, rules)
    temperature, rule_weight = _fit_pool(held_out, votes, truth)
    shares = softmax(held_out / temperature + rule_weight * votes)
    predictions = as_predictions(shares, labels)
    scores = evaluate(predictions, [example.label for example in usable]).as_dict()
    outcomes = outcomes_of(shares.argmax(axis=1), shares.max(axis=1), truth)
    space = _space(documents)
    coefficients, intercepts = _fit(
        vectorize(documents, space.vocabulary, space.idf), truth, len(labels), strength, seed
    )
    return TrainedModel(
        name=name,
        labels=labels,
        vocabulary=space.vocabulary,
        idf=space.idf,
        coefficients=coefficients,
        intercepts=intercepts,
        prior=(np.bincount(truth) / len(truth)).astype(np.float32),
        temperature=temperature,
        auto_thresholds=thresholds_of(outcomes, labels),
        rule_weight=rule_weight,
        outcomes=outcomes,
        scores={**scores, "examples": len(usable), "left_out": left_out, "strength": strength},
    )


def _usable(examples: Sequence[Example]) -> tuple[list[Example], dict[str, int]]:
    counts = Counter(example.label for example in examples)
    left_out = {label: count for label, count in counts.items() if count < MIN_PER_LABEL}
    usable = [example for example in examples if example.label not in left_out]
    if len(counts) - len(left_out) < 2:
        few = ", ".join(f"{label} ({count})" for label, count in sorted(counts.items())) or "none"
        raise TooFewExamples(
            f"At least two labels with {MIN_PER_LABEL} examples each are needed; there are: {few}."
        )
    return usable, left_out


def _space(documents: Sequence[Sequence[str]]) -> _Space:
    vocabulary = build_vocabulary(documents, min_documents=2, most=MOST_FEATURES)
    if not vocabulary:
        raise TooFewExamples("No word occurs in two examples: there is nothing to learn from.")
    return _Space(vocabulary, inverse_frequency(vectorize(documents, vocabulary, None)))


def _fit(
    features: csr_matrix, truth: NDArray[Any], labels: int, strength: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    machine = LinearSVC(C=strength, random_state=seed, dual=True, max_iter=3000, tol=1e-3)
    machine.fit(features, truth)
    coefficients, intercepts = machine.coef_, machine.intercept_
    if labels == 2:  # scikit-learn keeps one row for two labels
        coefficients, intercepts = (
            np.vstack([-coefficients, coefficients]),
            np.array([-intercepts[0], intercepts[0]]),
        )
    return coefficients.T.astype(np.float32), intercepts.astype(np.float32)


def _choose_strength(
    documents: Sequence[Sequence[str]], truth: NDArray[Any], labels: int, seed: int
) -> tuple[float, NDArray[Any]]:
    """Return the best strength and its out-of-fold scores, examples × labels."""
    folds = min(FOLDS, int(np.bincount(truth).min()))
    split = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(truth, truth))
    held_out = {strength: np.zeros((len(truth), labels)) for strength in STRENGTHS}
    for seen, unseen in split:
        space = _space([documents[i] for i in seen])
        learn = vectorize([documents[i] for i in seen], space.vocabulary, space.idf)
        ask = vectorize([documents[i] for i in unseen], space.vocabulary, space.idf)
        for strength in STRENGTHS:
            coefficients, intercepts = _fit(learn, truth[seen], labels, strength, seed)
            held_out[strength][unseen] = ask @ coefficients + intercepts
    best = max(STRENGTHS, key=lambda s: _macro_f1(held_out[s].argmax(axis=1), truth, labels))
    return best, held_out[best]


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


def _fit_pool(
    scores: NDArray[Any], votes: NDArray[Any], truth: NDArray[Any]
) -> tuple[float, float]:
    """Return the temperature and the rules' weight under which, together, the true labels are likeliest."""
    fits = []
    for weight in WEIGHTS if votes.any() else (0.0,):
        temperature = fit_temperature(scores, truth, beside=weight * votes)
        fits.append((_surprise(scores / temperature + weight * votes, truth), temperature, weight))
    _, temperature, weight = min(fits)
    return temperature, weight


def _surprise(scores: NDArray[Any], truth: NDArray[Any]) -> float:
    shares = softmax(scores)
    return float(-np.log(np.maximum(shares[np.arange(len(truth)), truth], 1e-12)).mean())


def _macro_f1(guess: NDArray[Any], truth: NDArray[Any], labels: int) -> float:
    hits = np.bincount(truth[guess == truth], minlength=labels)
    total = np.bincount(guess, minlength=labels) + np.bincount(truth, minlength=labels)
    return float(np.mean(2 * hits / np.maximum(total, 1)))


def fit_temperature(
    scores: NDArray[Any], truth: NDArray[Any], beside: NDArray[Any] | float = 0.0
) -> float:
    """Return the temperature of `scores` under which, `beside` added, the true labels are likeliest."""

    found = minimize_scalar(
        lambda log: _surprise(scores / np.exp(log) + beside, truth),
        bounds=(-4, 3),
        method="bounded",
    )
    return float(np.exp(found.x))


def as_predictions(shares: NDArray[Any], labels: Sequence[str]) -> list[Prediction]:
    found = []
    for row in shares.tolist():
        known = dict(zip(labels, row, strict=True))
        label = max(known, key=known.__getitem__)
        found.append(Prediction(label, known[label], ((label, known[label]),), (), known))
    return found
