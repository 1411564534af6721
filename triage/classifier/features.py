"""From a ticket's text to weighted features: words and pairs of words, TF-IDF."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

TextIn = tuple[str, str]  # title, description

#: What is read of a description. Logs and forwarded threads go on for ever and say nothing new.
READ_CHARACTERS: Final = 6_000
_PLAIN: Final = re.compile(r"\d+(?:\.\d+){3}|\w+")
#: Looks at every word as if it began an address, which only pays in the few texts that have one.
_ADDRESSED: Final = re.compile(rf"https?://\S+|[\w.+-]+@[\w-]+\.[\w.]+|{_PLAIN.pattern}")
_HEX: Final = re.compile(r"(?=.*\d)[0-9a-f]{7,}")


@dataclass(frozen=True)
class Example:
    """A labelled ticket. `at`: when the label was confirmed; `weight`: how much it counts among the others."""

    title: str
    description: str
    label: str
    at: datetime | None = None
    weight: float = 1.0

    @property
    def text(self) -> TextIn:
        return self.title, self.description


def tokens(text: TextIn) -> list[str]:
    """Return the features' names of a text: its words, each pair of neighbours, and the title's words once more.

    Addresses and numbers that differ in every ticket become <url>, <mail>, <ip>, <hex>, <number>; numbers of
    up to three digits stay, for 404 and 500 mean something.
    """
    title = _words(text[0])
    body = _words(text[1][:READ_CHARACTERS])
    words = title + body
    features = words + [
        f"{first} {second}" for first, second in zip(words, words[1:], strict=False)
    ]
    features += [f"title:{word}" for word in title]
    return features


def _words(text: str) -> list[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.casefold()
    pattern = _ADDRESSED if "@" in text or "://" in text else _PLAIN
    return [_general(token) if not token.isalpha() else token for token in pattern.findall(text)]


def _general(token: str) -> str:
    if token.startswith("http"):
        return "<url>" if "://" in token else token
    if "@" in token:
        return "<mail>"
    if token.isdigit():
        return token if len(token) <= 3 else "<number>"
    if "." in token:
        return "<ip>"
    return "<hex>" if _HEX.fullmatch(token) else token


def build_vocabulary(
    documents: Iterable[Sequence[str]], *, min_documents: int, most: int
) -> dict[str, int]:
    """Number the features that occur in at least `min_documents` texts, the commonest `most` of them.

    What stands in one text alone is not kept: it cannot help others, and a model must not carry private words.
    """
    counts: Counter[str] = Counter()
    for features in documents:
        counts.update(set(features))
    kept = [(-count, name) for name, count in counts.items() if count >= min_documents]
    return {name: index for index, (_, name) in enumerate(sorted(kept)[:most])}


def vectorize(
    documents: Iterable[Sequence[str]],
    vocabulary: Mapping[str, int],
    idf: NDArray[np.float32] | None,
) -> csr_matrix:
    """Return the TF-IDF matrix of `documents`, rows of length 1; with `idf` None the plain counts."""
    lookup = vocabulary.get
    indices: list[int] = []
    indptr = [0]
    for features in documents:
        indices += [index for index in map(lookup, features) if index is not None]
        indptr.append(len(indices))
    ones = np.ones(len(indices), dtype=np.float32)
    columns = np.array(indices, dtype=np.int32)
    matrix = csr_matrix((ones, columns, np.array(indptr)), shape=(len(indptr) - 1, len(vocabulary)))
    matrix.sum_duplicates()
    if idf is not None:
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        values = (1.0 + np.log(matrix.data)) * idf[matrix.indices]
        norms = np.sqrt(np.bincount(rows, weights=values**2, minlength=matrix.shape[0]))
        matrix.data = values / np.maximum(norms, 1e-9)[rows].astype(np.float32)
    return matrix


def inverse_frequency(counts: csr_matrix) -> NDArray[np.float32]:
    """Smooth inverse document frequency of each feature."""
    documents = counts.shape[0]
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    idf: NDArray[np.float32] = (np.log((1 + documents) / (1 + frequency)) + 1).astype(np.float32)
    return idf


def all_tokens(texts: Iterable[TextIn]) -> Iterator[list[str]]:
    return map(tokens, texts)
