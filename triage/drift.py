"""How far today's tickets lie from those that a model learnt from. Pure.

The measure is the population stability index, the sum of (now - then) × ln(now / then) over the shares of all
bins: 0 is the same, below 0.1 is everyday change, from 0.25 on the model judges tickets of another kind. A few
tickets lie far from any expectation by chance alone, about (bins - 1) / count, so that much is taken off.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import exp, log
from typing import Final

from triage.classifier.thresholds import ASSURANCE

#: From here on somebody should look; from there on the model should be trained again.
WATCH: Final = 0.1
SHIFTED: Final = 0.25
#: Fewer tickets say nothing: neither index is made from them.
FEWEST: Final = 100
#: Words of the model that are compared: the commonest.
WORDS: Final = 300
#: The least share that a bin is given, so that an empty one does not make the index infinite.
_LEAST: Final = 1e-4
#: The bin of whatever was not expected at all.
_OTHER: Final = "\0other"


def index(expected: Mapping[str, float], counts: Mapping[str, int]) -> float:
    """Return the stability index of `counts` against the `expected` shares, which need not sum to 1.

    What is not expected counts as one bin. Without counts or expectation the index is 0.
    """
    total, mass = sum(counts.values()), sum(expected.values())
    if not total or mass <= 0:
        return 0.0
    now = Counter({name: counts.get(name, 0) for name in expected})
    now[_OTHER] = total - now.total()
    bins = [
        (max(expected.get(name, 0.0) / mass, _LEAST), max(count / total, _LEAST))
        for name, count in now.items()
        if count or name in expected
    ]
    found = sum((after - before) * log(after / before) for before, after in bins)
    return max(0.0, found - (len(bins) - 1) / total)


def level(value: float | None) -> str:
    """`steady`, `watch` or `shifted`; `unknown` where nothing could be measured."""
    if value is None:
        return "unknown"
    return "shifted" if value >= SHIFTED else "watch" if value >= WATCH else "steady"


def expected_words(vocabulary: Iterable[str], idf: Sequence[float]) -> dict[str, float]:
    """Return the commonest words of a model, each with the share of its training texts that held it.

    A smooth idf is ln((1 + texts) / (1 + texts with the word)) + 1, so the share is exp(1 - idf). Pairs of words
    and marked features (`title:vpn`) say nothing that their words do not.
    """
    shares = {
        word: min(1.0, exp(1.0 - weight))
        for word, weight in zip(vocabulary, idf, strict=True)
        if word.isalpha()
    }
    commonest = sorted(shares, key=lambda word: (-shares[word], word))[:WORDS]
    return {word: shares[word] for word in commonest}


def word_index(expected: Mapping[str, float], documents: Iterable[Iterable[str]]) -> float:
    """Return the index of how often texts hold the `expected` words, each text counting a word once."""
    counts: Counter[str] = Counter()
    for words in documents:
        counts.update(expected.keys() & set(words))
    return index(expected, counts)


def surely_below(right: int, seen: int, target: float) -> bool:
    """Whether so few of those seen were right that a true precision of `target` is out of the question (95 %)."""
    from scipy.special import betaincinv  # megabytes, which few processes need

    if not seen or right >= seen:
        return False
    return float(betaincinv(right + 1, seen - right, ASSURANCE)) < target
