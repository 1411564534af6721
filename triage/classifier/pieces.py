"""Words made of pieces: runs of 2 to 5 letters, so that what is known of some words helps with others.

"Netzwerkdrucker" was never seen, but "Netzwerk" and "Drucker" were; so with inflection, typing errors, and
languages that write without spaces. The pieces of a word make one vector of length 1, so that their weights
make one weight a label for any word, computed once a word and not once a ticket.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SHORTEST: Final = 2
LONGEST: Final = 5
#: What is longer than this is no word.
READ_LETTERS: Final = 40


def pieces_of(word: str) -> list[str]:
    """Return the runs of letters of a word; a blank marks its beginning and its end."""
    marked = f" {word[:READ_LETTERS]} "
    return [
        marked[start : start + length]
        for length in range(SHORTEST, LONGEST + 1)
        for start in range(len(marked) - length + 1)
    ]


def pieces_matrix(words: Sequence[str]) -> tuple["csr_matrix", list[str]]:
    """Return how often each word has each piece (words × pieces), and the pieces' names."""
    from scipy.sparse import csr_matrix  # 25 MB, which only those need who read texts

    columns: dict[str, int] = {}
    indices: list[int] = []
    indptr = [0]
    for word in words:
        indices += [columns.setdefault(piece, len(columns)) for piece in pieces_of(word)]
        indptr.append(len(indices))
    ones = np.ones(len(indices), dtype=np.float32)
    found = csr_matrix(
        (ones, np.array(indices, dtype=np.int32), np.array(indptr)),
        shape=(len(words), len(columns)),
    )
    found.sum_duplicates()
    return found, list(columns)


def unit_rows(matrix: "csr_matrix") -> "csr_matrix":
    """Return the matrix with rows of length 1; empty rows stay."""
    from scipy.sparse import csr_matrix  # 25 MB, which only those need who read texts

    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    norms = np.sqrt(np.bincount(rows, weights=matrix.data**2, minlength=matrix.shape[0]))
    scaled: NDArray[np.float32] = (matrix.data / np.maximum(norms, 1e-9)[rows]).astype(np.float32)
    return csr_matrix((scaled, matrix.indices, matrix.indptr), shape=matrix.shape)
