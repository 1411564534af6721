"""How alike two tickets are: their heaviest words, as hashed features, compared by a length-normalised cosine.

Chosen by measurement (docs/adr/0017). Nothing here assumes a language.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, combinations
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from triage.terms import singular

#: Features are numbers below this: at a million tickets few of those that matter share one.
BUCKETS: Final = 1 << 20
#: What is read of a description: its beginning says what it is about, and what follows weighs less and less.
READ_CHARACTERS: Final = 2_000
#: The word at this place of a description weighs half as much as the first.
HALF_AT: Final = 60
TITLE_WEIGHT: Final = 3.0
#: Features kept of a ticket, its heaviest.
KEPT: Final = 48
#: How much of a long ticket's length is held against it: 1 is the cosine, 0 the plain sum.
LENGTH_EXPONENT: Final = 0.6
#: Above 1: what is rare counts for more than its inverse document frequency says.
RARITY_EXPONENT: Final = 1.25

#: Of how many heavy features the pairs are looked for.
PAIRED: Final = 6
#: Words of one ticket have to do with each other: how much oftener than by chance they meet, about.
TOGETHER: Final = 3

_WORD: Final = re.compile(r"[^\W_]+")
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")
#: Chinese, Japanese and Korean write no spaces between words: each pair of characters is one.
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ENTRY: Final = np.dtype([("feature", "<u4"), ("weight", "<f2")])

ENTRY_BYTES: Final = _ENTRY.itemsize

Entries = NDArray[np.void]  # of `_ENTRY`, one for each feature
Rarity = NDArray[np.float32]  # of each of the `BUCKETS` features


@dataclass(frozen=True)
class Frequencies:
    """In how many of `documents` texts each feature occurs."""

    documents: int
    counts: NDArray[np.uint16]

    @cached_property
    def rarity(self) -> Rarity:
        """What each feature weighs: 1 for one that is everywhere, more for rarer ones."""
        share = (1 + self.documents) / (1 + self.counts.astype(np.float32))
        rarity: Rarity = (np.log(share) + 1).astype(np.float32) ** np.float32(RARITY_EXPONENT)
        return rarity

    @classmethod
    def count(cls, documents: Iterable[Entries]) -> "Frequencies":
        """Count the features of a sample of at most 65,535 texts."""
        features = [entries["feature"] for entries in documents]
        joined = np.concatenate(features) if features else np.empty(0, np.uint32)
        counts = np.bincount(joined, minlength=BUCKETS)
        return cls(len(features), np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16))

    def search(self, entries: Entries, *, rows: int, most: int) -> list[list[int]]:
        """Return what to look for among `rows` tickets: lists of features, all of which a candidate must have.

        First its rarest features, each alone: so many that about `most` tickets have one. Then pairs of the
        heaviest that are left, the rarest pairs first, up to as many tickets again: common words find together.
        """
        features = entries["feature"]
        expected = (self.counts[features] + 1.0) * max(rows, 1) / max(self.documents, 1)
        order = np.argsort(expected, kind="stable")
        alone = set(order[np.cumsum(expected[order]) <= most].tolist())
        left = [place for place in range(len(features)) if place not in alone][:PAIRED]
        found = [[int(features[place])] for place in sorted(alone)]
        pairs = sorted(
            (TOGETHER * expected[one] * expected[other] / max(rows, 1), one, other)
            for one, other in combinations(left, 2)
        )
        for (_, one, other), total in zip(pairs, accumulate(p[0] for p in pairs), strict=True):
            if total <= most:
                found.append([int(features[one]), int(features[other])])
        return found


def words(text: str) -> list[str]:
    """Cut a text into lower-case words in the singular; NullPointerException is also its three parts."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found = []
    for token in _WORD.findall(text):
        plain = token.casefold()
        if (
            token[1:] != plain[1:]
            and not token.isupper()
            and len(parts := _PARTS.findall(token)) > 1
        ):
            found += [singular(part.casefold()) for part in parts if len(part) > 1]
        if plain.isascii() or not _UNSPACED.search(plain):
            found.append(singular(plain))
        else:
            found += [plain[i : i + 2] for i in range(max(len(plain) - 1, 1))]
    return [word for word in found if len(word) > 1]


def weigh(title: str, description: str) -> dict[str, float]:
    """Return the words of a ticket and how much it speaks of each: often, early, in the title."""
    said: dict[str, float] = {}
    for place, word in enumerate(words(description[:READ_CHARACTERS])):
        said[word] = said.get(word, 0.0) + HALF_AT / (HALF_AT + place)
    for word in words(title[:READ_CHARACTERS]):
        said[word] = said.get(word, 0.0) + TITLE_WEIGHT
    return said


def feature(word: str) -> int:
    """The same number in every process and on every machine."""
    return crc32(word.encode()) % BUCKETS


def entries_of(said: Mapping[str, float]) -> Entries:
    """Return all features of a ticket with their weights, dampened: the tenth mention says little."""
    weights: dict[int, float] = {}
    for word, weight in said.items():
        number = feature(word)
        weights[number] = max(weights.get(number, 0.0), weight)
    entries = np.empty(len(weights), _ENTRY)
    entries["feature"] = list(weights)
    entries["weight"] = np.sqrt(list(weights.values()))
    return entries


def heaviest(entries: Entries, rarity: Rarity) -> Entries:
    """Return those that are worth keeping, at most `KEPT`, the heaviest first."""
    return entries[np.argsort(-_weights(entries, rarity), kind="stable")[:KEPT]]


def unpack(packed: bytes | memoryview) -> Entries:
    return np.frombuffer(packed, _ENTRY)


def typical_length(tickets: Sequence[Entries], rarity: Rarity) -> float:
    """How much a ticket says in all, on average: the mean of the Euclidean lengths of their weights."""
    lengths = [float(np.linalg.norm(_weights(one, rarity))) for one in tickets]
    return sum(lengths) / len(lengths) if lengths else 1.0


def compare(
    one: Entries,
    others: Entries,
    sizes: Sequence[int],
    rarity: Rarity,
    typical_length: float,
) -> NDArray[np.float32]:
    """Return how alike `one` is to each of the others, 0 to 1. `others` holds theirs one after another.

    The cosine, but a ticket that says much counts for more than one that says little: two identical tickets of
    three words are weaker evidence than two of fifty.
    """
    if not len(one):
        return np.zeros(len(sizes), np.float32)
    own, theirs = _weights(one, rarity), _weights(others, rarity)
    order = np.argsort(one["feature"])
    features, weights = one["feature"][order], own[order]
    place = np.minimum(np.searchsorted(features, others["feature"]), len(features) - 1)
    shared = np.where(features[place] == others["feature"], weights[place] * theirs, 0)
    ticket = np.repeat(np.arange(len(sizes)), sizes)
    dots = np.bincount(ticket, shared, len(sizes))
    lengths = np.sqrt(np.bincount(ticket, theirs**2, len(sizes)))
    norms = np.linalg.norm(own) * lengths**LENGTH_EXPONENT * typical_length ** (1 - LENGTH_EXPONENT)
    scores: NDArray[np.float32] = np.minimum(dots / np.maximum(norms, 1e-9), 1).astype(np.float32)
    return scores


def _weights(entries: Entries, rarity: Rarity) -> NDArray[np.float32]:
    weights: NDArray[np.float32] = entries["weight"].astype(np.float32) * rarity[entries["feature"]]
    return weights
