"""How good predictions are: per label, calibrated or not, and how much of the work they can do alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import beta

from triage.classifier.model import Prediction

TARGET_PRECISION: Final = 0.95
#: Probability that the true precision reaches the target, given what was measured.
ASSURANCE: Final = 0.95
BINS: Final = 15
NEVER: Final = 1.01  # a threshold that no confidence reaches


@dataclass(frozen=True)
class LabelScore:
    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Report:
    """Scores of predictions against the truth. `automatic` is the share at or above the threshold."""

    labels: tuple[LabelScore, ...]
    accuracy: float
    macro_f1: float
    calibration_error: float
    threshold: float
    automatic: float
    automatic_precision: float | None
    confusions: tuple[tuple[str, str, int], ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "macro_f1": round(self.macro_f1, 4),
            "accuracy": round(self.accuracy, 4),
            "calibration_error": round(self.calibration_error, 4),
            "threshold": round(self.threshold, 4),
            "automatic": round(self.automatic, 4),
            "automatic_precision": self.automatic_precision and round(self.automatic_precision, 4),
            "labels": {
                s.label: {
                    "precision": round(s.precision, 4),
                    "recall": round(s.recall, 4),
                    "f1": round(s.f1, 4),
                    "support": s.support,
                }
                for s in self.labels
            },
        }

    def as_text(self) -> str:
        width = max(len(score.label) for score in self.labels)
        lines = [f"{'label':{width}}  precision  recall     f1  support"]
        lines += [
            f"{s.label:{width}}  {s.precision:9.3f}  {s.recall:6.3f}  {s.f1:5.3f}  {s.support:7,}"
            for s in self.labels
        ]
        lines += [
            "",
            f"macro-F1 {self.macro_f1:.3f}   accuracy {self.accuracy:.3f}   "
            f"calibration error {self.calibration_error:.3f}",
        ]
        if self.automatic_precision is None:
            lines.append(
                f"No confidence is high enough to act alone at {TARGET_PRECISION:.0%} precision."
            )
        else:
            lines.append(
                f"{self.automatic:.1%} can be routed automatically (confidence ≥ {self.threshold:.3f}); "
                f"{self.automatic_precision:.1%} of them are right (target {TARGET_PRECISION:.0%})."
            )
        lines += ["", "Most often confused (truth → prediction):"]
        lines += [f"  {truth} → {guess}: {count}" for truth, guess, count in self.confusions]
        return "\n".join(lines)


def evaluate(
    predictions: Sequence[Prediction], truth: Sequence[str], *, threshold: float | None = None
) -> Report:
    """Score `predictions`. The threshold for acting alone is the given one or, without, chosen on these very
    predictions with a confidence bound: for out-of-fold predictions that is honest."""
    if threshold is None:
        threshold = safe_threshold(
            [(p.confidence, p.label == t) for p, t in zip(predictions, truth, strict=True)]
        )
    hits = Counter(t for p, t in zip(predictions, truth, strict=True) if p.label == t)
    said, asked = Counter(p.label for p in predictions), Counter(truth)
    labels = tuple(
        _score(label, hits[label], said[label], asked[label]) for label in sorted(asked | said)
    )
    alone = [
        p.label == t for p, t in zip(predictions, truth, strict=True) if p.confidence >= threshold
    ]
    wrong = Counter((t, p.label) for p, t in zip(predictions, truth, strict=True) if p.label != t)
    return Report(
        labels=labels,
        accuracy=hits.total() / max(len(truth), 1),
        macro_f1=float(np.mean([score.f1 for score in labels if score.support])),
        calibration_error=_calibration_error(predictions, truth),
        threshold=threshold,
        automatic=len(alone) / max(len(truth), 1),
        automatic_precision=sum(alone) / len(alone) if alone else None,
        confusions=tuple((t, g, n) for (t, g), n in wrong.most_common(8)),
    )


def _score(label: str, hits: int, said: int, asked: int) -> LabelScore:
    precision, recall = hits / said if said else 0.0, hits / asked if asked else 0.0
    f1 = 2 * hits / (said + asked) if said + asked else 0.0
    return LabelScore(label, precision, recall, f1, asked)


def _calibration_error(predictions: Sequence[Prediction], truth: Sequence[str]) -> float:
    """Expected calibration error, 15 bins of equal width: how far confidence and success lie apart."""
    confidence = np.array([p.confidence for p in predictions])
    right = np.array([p.label == t for p, t in zip(predictions, truth, strict=True)], dtype=float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).sum()
        for b in np.unique(bins)
    ]
    return float(sum(gaps) / max(len(confidence), 1))


def safe_threshold(
    outcomes: Sequence[tuple[float, bool]], *, target: float = TARGET_PRECISION
) -> float:
    """Return the lowest confidence at and above which predictions are right often enough, else NEVER.

    Often enough: the Clopper-Pearson lower bound of their precision (95 % one-sided) reaches `target`.
    """
    ordered = sorted(outcomes, reverse=True)
    confidence = np.array([c for c, _ in ordered])
    right = np.cumsum([ok for _, ok in ordered])
    count = np.arange(1, len(ordered) + 1)
    if not len(ordered):
        return NEVER
    bound = np.where(right > 0, beta.ppf(1 - ASSURANCE, right, count - right + 1), 0.0)
    last_of_ties = np.append(confidence[1:] < confidence[:-1], True)
    good = np.flatnonzero((bound >= target) & last_of_ties)
    return float(confidence[good[-1]]) if len(good) else NEVER


def thresholds(predictions: Sequence[Prediction], truth: Sequence[str]) -> Mapping[str, float]:
    """Return the confidence from which each label may be acted on alone.

    One threshold for all, because a bound needs many predictions; a label that is clearly worse than the target
    above it gets its own.
    """
    outcomes = [
        (p.label, p.confidence, p.label == t) for p, t in zip(predictions, truth, strict=True)
    ]
    common = safe_threshold([(confidence, right) for _, confidence, right in outcomes])
    found = {}
    for label in sorted(set(truth) | {p.label for p in predictions}):
        mine = [(confidence, right) for name, confidence, right in outcomes if name == label]
        alone = [right for confidence, right in mine if confidence >= common]
        worse = len(alone) >= 20 and sum(alone) / len(alone) < TARGET_PRECISION
        found[label] = max(common, safe_threshold(mine)) if worse else common
    return found
