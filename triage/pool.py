"""The classifier and the rules together: a logarithmic opinion pool.

The classifier has learnt from examples, the rules carry what people know. Each label's share of the classifier is
multiplied by exp(weight × √score) of the rules' score for it, and the shares are made to sum to 1 again. Training
chooses the weight on tickets that the classifier has not seen; 0 leaves the rules out (labels that no rule knows).
"""

from collections.abc import Container, Mapping, Sequence
from math import exp, sqrt
from typing import Final

from triage.classifier.model import TOP, Prediction

#: The share of a label that the rules know and the classifier does not.
UNKNOWN: Final = 0.02


def pooled(guess: Prediction, votes: Mapping[str, float], weight: float) -> Prediction:
    """Return what classifier and rules say together. Its words are kept if they speak for the same label."""
    if not votes or not weight:
        return guess
    known = guess.shares
    mass = {
        label: known.get(label, UNKNOWN) * exp(weight * sqrt(score))
        for label, score in votes.items()
    }
    total = 1.0 + sum(mass.values()) - sum(known.get(label, 0.0) for label in votes)
    for label, share in guess.alternatives:
        mass.setdefault(label, share)
    ranked = _shares(mass, total)
    label, confidence = ranked[0]
    words = guess.words if label == guess.label else ()
    return Prediction(label, confidence, ranked, words, known)


def pooled_shares(guess: Prediction, votes: Mapping[str, float], weight: float) -> dict[str, float]:
    """Return the share of every label, classifier and rules together."""
    mass = dict(guess.shares)
    for label, score in votes.items() if weight else ():
        mass[label] = mass.get(label, UNKNOWN) * exp(weight * sqrt(score))
    total = sum(mass.values())
    return {label: value / total for label, value in mass.items()}


def renamed(shares: Mapping[str, float], mapping: Mapping[str, str]) -> Prediction:
    """Return the prediction in other labels: what leads to the same one is added up."""
    found: dict[str, float] = {}
    for label, share in shares.items():
        name = mapping.get(label, label)
        found[name] = found.get(name, 0.0) + share
    ranked = tuple(sorted(found.items(), key=lambda pair: -pair[1]))
    return Prediction(*ranked[0], ranked[:TOP], (), found)


def among(guess: Prediction, labels: Container[str]) -> Prediction:
    """Return the prediction as far as it speaks of `labels`, at least one of which it knows.

    What it gave to others stays doubt and is not shared out: a ticket about those is about none of these.
    """
    shares = {label: share for label, share in guess.shares.items() if label in labels}
    ranked = _shares(shares, 1.0)
    words = guess.words if ranked[0][0] == guess.label else ()
    return Prediction(*ranked[0], ranked, words, shares)


def _shares(mass: Mapping[str, float], total: float) -> tuple[tuple[str, float], ...]:
    best: Sequence[tuple[str, float]] = sorted(mass.items(), key=lambda pair: -pair[1])[:TOP]
    return tuple((label, value / total) for label, value in best)
