"""A trained classifier: plain arrays that turn texts into probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triage.classifier.features import TextIn, document
from triage.classifier.lexicon import Lexicon, Pieces
from triage.classifier.thresholds import (
    NEVER,
    OUTCOME,
    TARGET_PRECISION,
    CurvePoint,
    curve_of,
    stricter,
    thresholds_of,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TOP: Final = 3
WORDS: Final = 5


class Prediction(NamedTuple):
    """The likeliest label; `alternatives` include it; `words` spoke for it against the runner-up.

    `shares` are the probabilities of all labels.
    """

    label: str
    confidence: float
    alternatives: tuple[tuple[str, float], ...]
    words: tuple[tuple[str, float], ...]
    shares: Mapping[str, float]


@dataclass(frozen=True)
class TrainedModel:
    """Linear scores over TF-IDF, made probabilities by one temperature."""

    name: str
    labels: tuple[str, ...]
    vocabulary: Mapping[str, int]
    idf: NDArray[np.float32]  # one a feature
    coefficients: NDArray[np.float32]  # features × labels
    intercepts: NDArray[np.float32]  # one a label
    prior: NDArray[np.float32]  # one a label: its share among the examples
    temperature: float
    auto_thresholds: Mapping[str, float]  # label -> confidence from which it is right often enough
    rule_weight: float = 0.0  # of the rules beside it (`triage.pool`); thresholds hold for both
    scores: Mapping[str, Any] = field(default_factory=dict)
    #: What came of predictions on tickets that were not learnt from; empty in models from before they were kept.
    outcomes: NDArray[Any] = field(default_factory=lambda: np.zeros(0, dtype=OUTCOME))
    #: Knots (2 × n) of the map from the raw to the honest confidence; none where rules have a say.
    confidence_map: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((2, 0), dtype=np.float32)
    )
    pieces: Pieces | None = None  # of words that the vocabulary lacks; None: they say nothing
    new_idf: float = 0.0  # of such words
    opening: float = 0.0  # how much what a long text opens with counts beside the whole
    #: Learnt and judged on tickets of no desk, which promises less on a desk's.
    foreign: bool = False
    _thresholds: dict[float, Mapping[str, float]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        lexicon = Lexicon(
            self.vocabulary, self.idf, self.coefficients, self.pieces, self.new_idf, self.opening
        )
        object.__setattr__(self, "_lexicon", lexicon)

    def predict(self, texts: Sequence[TextIn], *, explain: bool = True) -> list[Prediction]:
        """Return a prediction for each text. A text without a known word gets the labels' prior."""
        lexicon: Lexicon = self._lexicon  # type: ignore[attr-defined]
        features, names, coefficients = lexicon.read([document(text) for text in texts])
        scores = features @ coefficients
        shares = mapped(softmax((scores + self.intercepts) / self.temperature), self.confidence_map)
        shares[~scores.any(axis=1)] = self.prior  # no known word says nothing
        best = np.argsort(-shares, axis=1)[:, :TOP]
        ranked = zip(best.tolist(), np.take_along_axis(shares, best, axis=1).tolist(), strict=True)
        pulls = _pulls(features, coefficients, best) if explain else None
        everything = shares.tolist()
        found = []
        for row, (order, likely) in enumerate(ranked):
            top = tuple((self.labels[i], share) for i, share in zip(order, likely, strict=True))
            start, end = features.indptr[row], features.indptr[row + 1]
            words: tuple[tuple[str, float], ...] = ()
            if pulls is not None and end > start:
                words = _words(features.indices[start:end], pulls[start:end], names)
            known = dict(zip(self.labels, everything[row], strict=True))
            found.append(Prediction(*top[0], top, words, known))
        return found

    def thresholds(self, target: float = TARGET_PRECISION) -> Mapping[str, float]:
        """Return the confidence from which each label is right in at least `target` of cases, with a bound.

        A foreign model must have made half the errors that `target` allows.
        """
        if target not in self._thresholds:
            self._thresholds[target] = self._thresholds_for(target)
        return self._thresholds[target]

    def _thresholds_for(self, target: float) -> Mapping[str, float]:
        if target == TARGET_PRECISION:
            return self.auto_thresholds
        if len(self.outcomes):
            needed = stricter(target) if self.foreign else target
            return thresholds_of(self.outcomes, self.labels, target=needed)
        # An older model knows one answer: it is safe for lower targets, and unknown for higher ones.
        safe = target < TARGET_PRECISION
        return self.auto_thresholds if safe else dict.fromkeys(self.labels, NEVER)

    def curve(self) -> list[CurvePoint]:
        """Return, for target precisions from 70 % to 99 %, what was reached and what share is done alone."""
        return curve_of(self.outcomes, self.labels, foreign=self.foreign)


def _pulls(
    features: "csr_matrix", coefficients: NDArray[np.float32], best: NDArray[Any]
) -> NDArray[np.float32]:
    """How much each word of each text speaks for the likeliest label against the runner-up."""
    rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
    winner = coefficients[features.indices, best[rows, 0]]
    pulls: NDArray[np.float32] = features.data * (
        winner - coefficients[features.indices, best[rows, 1]]
    )
    return pulls


def _words(
    columns: NDArray[np.int32], pulls: NDArray[np.float32], names: Sequence[str]
) -> tuple[tuple[str, float], ...]:
    """The strongest words, each once whether it stands in the title or in the text."""
    found: dict[str, float] = {}
    strongest = np.argsort(-pulls)[: 2 * WORDS]
    for column, pull in zip(columns[strongest].tolist(), pulls[strongest].tolist(), strict=True):
        if pull <= 0 or len(found) == WORDS:
            break
        word = names[column].removeprefix("title:")
        found[word] = found.get(word, 0.0) + pull
    return tuple(found.items())


def softmax(scores: NDArray[Any]) -> NDArray[Any]:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[Any] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def mapped(shares: NDArray[Any], knots: NDArray[np.float32]) -> NDArray[Any]:
    """Return the shares with the largest of each row mapped, and the others stretched to fill up what is left.

    The largest stays the largest.
    """
    if not knots.size:
        return shares
    rows = np.arange(len(shares))
    ordered = np.partition(shares, -2, axis=1)
    second, top = ordered[:, -2], ordered[:, -1]
    rest = np.maximum(1.0 - top, 1e-9)
    least = second / (rest + second)  # here the second would draw level
    wanted = np.clip(np.interp(top, knots[0], knots[1]), least + 1e-6, 1.0 - 1e-6)
    best = shares.argmax(axis=1)
    found: NDArray[Any] = shares * ((1.0 - wanted) / rest)[:, None]
    found[rows, best] = wanted
    return found
