"""What a model knows of features, and of words that it meets for the first time."""

import threading
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triage.classifier.features import Document, blended, count_rows, counted, weighted
from triage.classifier.pieces import pieces_of, unit_rows

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
        founds: list[list[int | None]] = [list(map(lookup, words)) for words, _, _ in documents]
        lacking = [number for number, found in enumerate(founds) if None in found]
        if lacking and self._pieces is not None:
            met = chain.from_iterable(documents[number].words for number in lacking)
            self._meet([word for word in dict.fromkeys(met) if lookup(word) is None], table)
            for number in lacking:
                founds[number] = list(map(lookup, documents[number].words))
        indices: list[int] = []
        ends, openings = [0], []
        for found, (_, context, opening) in zip(founds, documents, strict=True):
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

    def _meet(self, words: Sequence[str], table: _Table) -> None:
        """Give new words columns, all in one multiplication. When the table is full, some get none, and the next
        texts an empty one."""
        with self._lock:
            new = [word for word in words if word not in table.columns]
            start, room = len(table.names), len(table.idf) - len(table.names)
            if len(new) > room:
                new = new[:room]
                if self._table is table:
                    self._table = self._fresh()
            end = start + len(new)
            table.idf[start:end] = self._new_idf
            table.coefficients[start:end] = self._composed(new)
            table.names.extend(new)
            table.columns.update(zip(new, range(start, end), strict=True))

    def _composed(self, words: Sequence[str]) -> NDArray[np.float32]:
        """The words' coefficients, from those of their pieces."""
        from scipy.sparse import csr_matrix

        assert self._pieces is not None
        lookup, idf = self._pieces.columns.get, self._pieces.idf
        rows = [[c for c in map(lookup, pieces_of(word)) if c is not None] for word in words]
        counts = count_rows(rows, len(idf))
        weighed = (counts.data * idf[counts.indices], counts.indices, counts.indptr)
        composed: NDArray[np.float32] = (
            unit_rows(csr_matrix(weighed, shape=counts.shape)) @ self._pieces.coefficients
        )
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
