"""Near-copies: tickets that say the same, as alerts and forwarded mails do."""

from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from triage.classifier.features import Document

#: The share of their words that near-copies have in common.
ALIKE: Final = 0.8
#: Every ticket is compared with every other: more would take long, and then the newest judge anyway.
MOST: Final = 2_000


def near_copies(documents: Sequence[Document]) -> NDArray[np.intp]:
    """Return the number of each text's group: near-copies of one another, and of a third, share one.

    Above 2,000 texts each is a group of its own.
    """
    if not 0 < len(documents) <= MOST:
        return np.arange(len(documents))
    words = [set(document.words) for document in documents]
    columns = {word: column for column, word in enumerate(dict.fromkeys(chain(*words)))}
    rows = np.repeat(np.arange(len(words)), [len(one) for one in words])
    indices = [columns[word] for one in words for word in one]
    shape = (len(words), max(len(columns), 1))
    held = csr_matrix((np.ones(len(indices), dtype=np.float32), (rows, indices)), shape=shape)
    shared = (held @ held.T).tocoo()
    sizes = np.array([len(one) for one in words])
    together = sizes[shared.row] + sizes[shared.col] - shared.data
    alike = shared.data >= ALIKE * together
    pairs = (shared.data[alike], (shared.row[alike], shared.col[alike]))
    _, groups = connected_components(csr_matrix(pairs, shape=shared.shape), directed=False)
    numbers: NDArray[np.intp] = groups.astype(np.intp)
    return numbers
