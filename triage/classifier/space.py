"""The training tickets as numbers: counted once, weighed anew for each part of them that a model learns from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from triage.classifier.features import Document, blended, count_rows, inverse_frequency, weighted
from triage.classifier.lexicon import Pieces
from triage.classifier.pieces import pieces_matrix, unit_rows

MOST_FEATURES: Final = 150_000
MOST_PIECES: Final = 50_000
#: What stands in one text alone is not kept: it cannot help others, and a model must not carry private words.
MIN_DOCUMENTS: Final = 2

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Counted:
    """How often each feature occurs in each ticket (tickets × features). The words come first."""

    names: Sequence[str]
    counts: csr_matrix
    openings: csr_matrix  # the same of what long tickets open with
    words: int
    pieces: csr_matrix  # words × pieces
    piece_names: Sequence[str]


def count(documents: Sequence[Document]) -> Counted:
    """Count words, all of them, and those of the other features that occur in two texts."""
    words = list(dict.fromkeys(word for document in documents for word in document.words))
    met = Counter(name for document in documents for name in dict.fromkeys(document.context))
    context = [name for name, count in met.items() if count >= MIN_DOCUMENTS]
    names = [*words, *context]
    columns = {name: index for index, name in enumerate(names)}
    rows, openings = [], []
    for document in documents:
        opening = document.opening
        found = [columns[word] for word in document.words]
        beside = [columns.get(name) for name in document.context]
        rows.append([*found, *(column for column in beside if column is not None)])
        first = (column for column in beside[:opening] if column is not None)
        openings.append([*found[:opening], *first])
    counts, opened = count_rows(rows, len(names)), count_rows(openings, len(names))
    pieces, piece_names = pieces_matrix(words)
    return Counted(names, counts, opened, len(words), pieces, piece_names)


class Space:
    """The features of a model that learns from some of the tickets: which are kept, and how much they weigh."""

    def __init__(self, counted: Counted, rows: Rows, *, composed: bool, opening: float) -> None:
        self._counted = counted
        self._opening = opening
        seen = counted.counts[rows]
        self._documents = len(rows)
        frequency = np.bincount(seen.indices, minlength=len(counted.names))
        self.known = _commonest(frequency, MOST_FEATURES)
        self._idf = np.zeros(len(counted.names), dtype=np.float32)
        if composed:
            self._idf[: counted.words] = self.new_idf
        self._idf[self.known] = inverse_frequency(self._documents, frequency[self.known])
        self._composed = composed
        if composed:
            self._compose(seen)

    @property
    def new_idf(self) -> float:
        """The weight of a word that is met for the first time."""
        return float(inverse_frequency(self._documents, np.array([1.0]))[0])

    def _compose(self, seen: csr_matrix) -> None:
        words = seen[:, : self._counted.words].astype(bool).astype(np.float32)
        together = words @ self._counted.pieces
        frequency = np.bincount(together.indices, minlength=len(self._counted.piece_names))
        self._kept = _commonest(frequency, MOST_PIECES)
        self._piece_idf = inverse_frequency(self._documents, frequency[self._kept])
        pieces = self._counted.pieces[:, self._kept]
        pieces = csr_matrix(
            (pieces.data * self._piece_idf[pieces.indices], pieces.indices, pieces.indptr),
            shape=pieces.shape,
        )
        self._words_of_pieces = unit_rows(pieces)

    def features(self, rows: Rows) -> tuple[csr_matrix, csr_matrix | None]:
        """Return the known features of tickets and, where words are composed, their pieces."""
        found = weighted(self._counted.counts[rows], self._idf)
        if self._opening:
            opened = weighted(self._counted.openings[rows], self._idf)
            found = blended(found, opened, self._opening)
        known = found[:, self.known]
        if not self._composed:
            return known, None
        return known, found[:, : self._counted.words] @ self._words_of_pieces

    def parts(
        self, weights: NDArray[np.float32], piece_weight: float
    ) -> tuple[dict[str, int], NDArray[np.float32], NDArray[np.float32], Pieces | None]:
        """Return vocabulary, idf and coefficients of the known features, and the pieces, from what was learnt.

        What a known word's pieces say is added to its own coefficients: they are composed here, once.
        """
        names = [self._counted.names[column] for column in self.known]
        vocabulary = {name: index for index, name in enumerate(names)}
        own, idf = weights[: len(names)].copy(), self._idf[self.known]
        if not self._composed:
            return vocabulary, idf, own, None
        of_pieces = piece_weight * weights[len(names) :]
        is_word = self.known < self._counted.words
        own[is_word] += self._words_of_pieces[self.known[is_word]] @ of_pieces
        columns = {self._counted.piece_names[column]: i for i, column in enumerate(self._kept)}
        return vocabulary, idf, own, Pieces(columns, self._piece_idf, of_pieces)


def joined(known: csr_matrix, pieces: csr_matrix | None, piece_weight: float) -> csr_matrix:
    """Return both kinds of features side by side."""
    if pieces is None:
        return known
    return hstack([known, pieces * np.float32(piece_weight)], format="csr")


def _commonest(frequency: NDArray[Any], most: int) -> NDArray[np.intp]:
    """The columns that occur in at least two texts, the commonest first, in a stable order."""
    order = np.argsort(-frequency, kind="stable")[:most]
    return order[frequency[order] >= MIN_DOCUMENTS]
