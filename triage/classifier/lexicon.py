"""What a model knows of features, and of words that it meets for the first time."""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triage.classifier.features import Document, blended, count_rows, counted, weighted
from triage.classifier.pieces import pieces_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

#: New words that are remembered with their weights; when there are more, all are forgotten.
MOST_MET: Final = 20_000


class Pieces(NamedTuple):
    """The weights of pieces of words: `coefficients` are pieces × labels."""

    columns: Mapping[str, int]
    idf: NDArray[np.float32]
    coefficients: NDArray[np.float32]


class Reading(NamedTuple):
    """Texts as a model sees them: features (texts × columns), the columns' names and coefficients."""

    features: "csr_matrix"
    names: Sequence[str]
    coefficients: NDArray[np.float32]


class _Table(NamedTuple):
    """Known features first, words met since behind them. Rows are written before `columns` tells of them."""

    columns: dict[str, int]
    names: list[str]
    idf: NDArray[np.float32]
    coefficients: NDArray[np.float32]


class Lexicon:
    """Columns and coefficients for any text. Threads may share one."""

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        idf: NDArray[np.float32],
        coefficients: NDArray[np.float32],
        pieces: Pieces | None,
        new_idf: float,
        opening: float,
    ) -> None:
        self._known = (vocabulary, idf, coefficients)
        self._pieces = pieces
        self._new_idf = new_idf
        self._opening = opening
        self._lock = threading.Lock()
        self._table = self._fresh()

    def read(self, documents: Sequence[Document]) -> Reading:
        """Return the TF-IDF features of documents. Where words are made of pieces, new ones have columns too."""
        table = self._table
        lookup = table.columns.get
        composes = self._pieces is not None
        indices: list[int] = []
        ends, openings = [0], []
        for words, context, opening in documents:
            found: list[int | None] = list(map(lookup, words))
            if composes and None in found:
                found = [
                    self._meet(word, table) if column is None else column
                    for word, column in zip(words, found, strict=True)
                ]
            beside = list(map(lookup, context))
            indices += [column for column in found + beside if column is not None]
            ends.append(len(indices))
            if self._opening:
                first = found[:opening] + beside[:opening]
                openings.append([column for column in first if column is not None])
        features = weighted(counted(indices, ends, len(table.idf)), table.idf)
        if any(openings):
            opened = weighted(count_rows(openings, len(table.idf)), table.idf)
            features = blended(features, opened, self._opening)
        return Reading(features, table.names, table.coefficients)

    def _meet(self, word: str, table: _Table) -> int | None:
        """Return the column of a new word; None when the table is full (the next texts get an empty one)."""
        with self._lock:
            column = table.columns.get(word, len(table.names))
            if column == len(table.idf):
                if self._table is table:
                    self._table = self._fresh()
                return None
            if column == len(table.names):
                table.idf[column] = self._new_idf
                table.coefficients[column] = self._composed(word)
                table.names.append(word)
                table.columns[word] = column
            return column

    def _composed(self, word: str) -> NDArray[np.float32] | float:
        assert self._pieces is not None
        columns = [c for c in map(self._pieces.columns.get, pieces_of(word)) if c is not None]
        if not columns:
            return 0.0
        found, counts = np.unique(columns, return_counts=True)
        weights = self._pieces.idf[found] * counts.astype(np.float32)
        composed: NDArray[np.float32] = weights @ self._pieces.coefficients[found]
        composed /= np.sqrt(weights @ weights)
        return composed

    def _fresh(self) -> _Table:
        vocabulary, idf, coefficients = self._known
        room = MOST_MET if self._pieces is not None else 0
        return _Table(
            dict(vocabulary),
            list(vocabulary),
            np.concatenate([idf, np.zeros(room, dtype=np.float32)]),
            np.concatenate([coefficients, np.zeros((room, coefficients.shape[1]), np.float32)]),
        )
