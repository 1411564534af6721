"""From which confidence a label may be acted on alone, judged by what came of earlier predictions."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

TARGET_PRECISION: Final = 0.95
#: Probability that the true precision reaches the target, given what was measured.
ASSURANCE: Final = 0.95
NEVER: Final = 1.01  # a threshold that no confidence reaches
#: A label with fewer predictions above the common threshold is not judged for itself.
ENOUGH: Final = 20
#: What is left of the errors that a target allows where they were measured on other tickets than a desk's.
ABROAD: Final = 0.5
#: What came of a prediction on a ticket that the model had not seen: the label's number, how sure, was it right.
OUTCOME: Final = np.dtype([("label", "<i2"), ("confidence", "<f4"), ("right", "?")])
#: Targets of the curve that is shown.
TARGETS: Final = tuple(round(target / 100, 2) for target in range(70, 100))


class CurvePoint(NamedTuple):
    """What a target precision costs: `precision` is what was reached, `coverage` the share done alone."""

    target: float
    precision: float
    coverage: float


def safe_threshold(
    outcomes: Sequence[tuple[float, bool]], *, target: float = TARGET_PRECISION
) -> float:
    """Return the lowest confidence at and above which predictions are right often enough, else NEVER.

    Often enough: the Clopper-Pearson lower bound of their precision (95 % one-sided) reaches `target`.
    """
    confidence = np.array([confidence for confidence, _ in outcomes], dtype=float)
    right = np.array([ok for _, ok in outcomes], dtype=bool)
    return _lowest_safe(confidence, right, target)


def _lowest_safe(confidence: NDArray[Any], right: NDArray[np.bool_], target: float) -> float:
    from scipy.special import betaincinv  # megabytes, which few processes need

    if not len(confidence):
        return NEVER
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    hits = np.cumsum(right[order])
    count = np.arange(1, len(ordered) + 1)
    bound = np.where(
        hits > 0, betaincinv(np.maximum(hits, 1), count - hits + 1, 1 - ASSURANCE), 0.0
    )
    last_of_ties = np.append(ordered[1:] < ordered[:-1], True)
    good = np.flatnonzero((bound >= target) & last_of_ties)
    return float(ordered[good[-1]]) if len(good) else NEVER


def stricter(target: float) -> float:
    """Return the precision that a model must show at home to be trusted with `target` abroad."""
    return 1.0 - ABROAD * (1.0 - target)


def outcomes_of(
    guesses: NDArray[np.intp], confidence: NDArray[Any], truth: NDArray[np.intp]
) -> NDArray[Any]:
    """Return what came of predictions, as the model keeps it."""
    found = np.zeros(len(truth), dtype=OUTCOME)
    found["label"], found["confidence"], found["right"] = guesses, confidence, guesses == truth
    return found


def thresholds_of(
    outcomes: NDArray[Any], labels: Sequence[str], *, target: float = TARGET_PRECISION
) -> Mapping[str, float]:
    """Return the confidence from which each label may be acted on alone.

    One threshold for all where that does most work alone, because a bound needs many predictions; a label that is
    clearly worse than the target above it gets its own. Else each label has its own: where one label is most of
    the tickets, the others' mistakes would hold it back. A label that was never right acts never alone.
    """
    confidence, right = outcomes["confidence"].astype(float), outcomes["right"]
    common = _lowest_safe(confidence, right, target)
    shared, own = {}, {}
    for number, label in enumerate(labels):
        mine = outcomes["label"] == number
        own[label] = _lowest_safe(confidence[mine], right[mine], target)
        if not right[mine].any():
            shared[label] = NEVER
            continue
        alone = mine & (confidence >= common)
        worse = alone.sum() >= ENOUGH and right[alone].mean() < target
        shared[label] = max(common, own[label]) if worse else common
    return max(
        shared, own, key=lambda found: _alone(outcomes, [found[label] for label in labels]).sum()
    )


def _alone(outcomes: NDArray[Any], needed: Sequence[float]) -> NDArray[np.bool_]:
    """Which predictions reach their label's threshold."""
    reached: NDArray[np.bool_] = (
        outcomes["confidence"].astype(float) >= np.array(needed)[outcomes["label"]]
    )
    return reached


def curve_of(
    outcomes: NDArray[Any], labels: Sequence[str], *, foreign: bool = False
) -> list[CurvePoint]:
    """Return what each target precision costs, for those that can be reached; a `foreign` model must show more."""
    points = []
    for target in TARGETS:
        needed = stricter(target) if foreign else target
        found = thresholds_of(outcomes, labels, target=needed)
        alone = _alone(outcomes, [found[label] for label in labels])
        if alone.any():
            reached = float(outcomes["right"][alone].mean())
            points.append(CurvePoint(target, reached, float(alone.mean())))
    return points
