"""Making probabilities honest: what is said to be 80 % sure shall be right four times in five."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize_scalar

from triage.classifier.model import softmax

#: Weights of the rules that are tried.
WEIGHTS: Final = (0.0, 0.3, 0.6, 1.0, 1.4, 1.8, 2.4)
#: A bin of the confidence map holds so many outcomes; with fewer than four bins there is no map.
BIN: Final = 60
MOST_BINS: Final = 40


def fit_pool(scores: NDArray[Any], votes: NDArray[Any], truth: NDArray[Any]) -> tuple[float, float]:
    """Return the temperature and the rules' weight under which, together, the true labels are likeliest."""
    fits = []
    for weight in WEIGHTS if votes.any() else (0.0,):
        temperature = fit_temperature(scores, truth, beside=weight * votes)
        fits.append((_surprise(scores / temperature + weight * votes, truth), temperature, weight))
    _, temperature, weight = min(fits)
    return temperature, weight


def fit_temperature(
    scores: NDArray[Any], truth: NDArray[Any], beside: NDArray[Any] | float = 0.0
) -> float:
    """Return the temperature of `scores` under which, `beside` added, the true labels are likeliest."""
    found = minimize_scalar(
        lambda log: _surprise(scores / np.exp(log) + beside, truth),
        bounds=(-4, 3),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(np.exp(found.x))


def _surprise(scores: NDArray[Any], truth: NDArray[Any]) -> float:
    shares = softmax(scores)
    return float(-np.log(np.maximum(shares[np.arange(len(truth)), truth], 1e-12)).mean())


def confidence_map(confidence: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float32]:
    """Return the knots (2 × n) of an increasing map from what was said to what came true; empty when too few.

    One temperature is one number for all confidences; this mends what it leaves.
    """
    bins = min(MOST_BINS, len(confidence) // BIN)
    if bins < 4:
        return np.zeros((2, 0), dtype=np.float32)
    order = np.array_split(np.argsort(confidence, kind="stable"), bins)
    said = np.array([confidence[part].mean() for part in order])
    came = np.array([right[part].mean() for part in order])
    sizes = np.array([len(part) for part in order], dtype=float)
    pooled = isotonic_regression(came, weights=sizes)
    block = np.repeat(np.arange(len(pooled.blocks) - 1), np.diff(pooled.blocks))
    weight = np.bincount(block, weights=sizes)
    said = np.bincount(block, weights=sizes * said) / weight
    came = np.bincount(block, weights=sizes * came) / weight
    # Beyond the outermost bins the map goes on rising: ties would make thresholds coarse.
    said = np.concatenate([[0.0], said, [1.0]])
    came = np.concatenate([[came[0] / 2], came, [(1 + 9 * came[-1]) / 10]])
    return np.array([said, came], dtype=np.float32)
