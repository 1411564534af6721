"""How good predictions are: per label, calibrated or not, and how much of the work they can do alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from triage.classifier.model import Prediction
from triage.classifier.thresholds import NEVER, TARGET_PRECISION, safe_threshold

BINS: Final = 15


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
    predictions: Sequence[Prediction],
    truth: Sequence[str],
    *,
    threshold: float | Mapping[str, float] | None = None,
    alone: Sequence[bool] | None = None,
) -> Report:
    """Score `predictions`. The threshold for acting alone, one for all or by label, is the given one or, without,
    chosen on these very predictions with a confidence bound: for out-of-fold predictions that is honest.
    `alone` says instead which would be done alone: thresholds say nothing of labels that were mapped."""
    if threshold is None:
        threshold = safe_threshold(
            [(p.confidence, p.label == t) for p, t in zip(predictions, truth, strict=True)]
        )
    hits = Counter(t for p, t in zip(predictions, truth, strict=True) if p.label == t)
    said, asked = Counter(p.label for p in predictions), Counter(truth)
    labels = tuple(
        _score(label, hits[label], said[label], asked[label]) for label in sorted(asked | said)
    )
    by_label = threshold if isinstance(threshold, Mapping) else {}
    least = threshold if isinstance(threshold, float) else min(by_label.values(), default=NEVER)
    if alone is None:
        alone = [p.confidence >= by_label.get(p.label, least) for p in predictions]
    done = [
        p.label == t for p, t, by_itself in zip(predictions, truth, alone, strict=True) if by_itself
    ]
    wrong = Counter((t, p.label) for p, t in zip(predictions, truth, strict=True) if p.label != t)
    return Report(
        labels=labels,
        accuracy=hits.total() / max(len(truth), 1),
        macro_f1=float(np.mean([score.f1 for score in labels if score.support])),
        calibration_error=_calibration_error(predictions, truth),
        threshold=least,
        automatic=len(done) / max(len(truth), 1),
        automatic_precision=sum(done) / len(done) if done else None,
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


def as_table(reports: Mapping[str, Report]) -> str:
    """Return one table that compares engines, by their names."""
    width = max(len("engine"), *(len(name) for name in reports))
    lines = [f"{'engine':{width}}  macro-F1  accuracy  calibration  automatic  right of these"]
    for name, report in reports.items():
        reached = report.automatic_precision
        lines.append(
            f"{name:{width}}  {report.macro_f1:8.3f}  {report.accuracy:8.3f}  "
            f"{report.calibration_error:11.3f}  {report.automatic:9.1%}  "
            f"{'–' if reached is None else format(reached, '.1%'):>14}"
        )
    return "\n".join(lines)
