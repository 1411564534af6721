"""From a ticket's text to weighted features: words and pairs of words, TF-IDF."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

TextIn = tuple[str, str]  # title, description

#: What is read of a description. Logs and forwarded threads go on for ever and say nothing new.
READ_CHARACTERS: Final = 6_000
_TOKEN: Final = re.compile(r"https?://\S+|[\w.+-]+@[\w-]+\.[\w.]+|\d+(?:\.\d+){3}|\w+", re.UNICODE)
_HEX: Final = re.compile(r"(?=.*\d)[0-9a-f]{7,}")


@dataclass(frozen=True)
class Example:
    title: str
    description: str
    label: str

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
    found = _TOKEN.findall(text.casefold())
    return [_general(token) if not token.isalpha() else token for token in found]


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
    indptr = [0]
    indices: list[int] = []
    counts: list[int] = []
    lookup = vocabulary.get
    for features in documents:
        row: dict[int, int] = {}
        for name in features:
            index = lookup(name)
            if index is not None:
                row[index] = row.get(index, 0) + 1
        indices.extend(row)
        counts.extend(row.values())
        indptr.append(len(indices))
    values: NDArray[Any] = np.array(counts, dtype=np.float32)
    columns = np.array(indices, dtype=np.int32)
    if idf is not None:
        values = (1.0 + np.log(values, where=values > 0, out=np.zeros_like(values))) * idf[columns]
        rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        norms = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(indptr) - 1))
        values = values / np.maximum(norms, 1e-9)[rows].astype(np.float32)
    return csr_matrix((values, columns, np.array(indptr)), shape=(len(indptr) - 1, len(vocabulary)))


def inverse_frequency(counts: csr_matrix) -> NDArray[np.float32]:
    """Smooth inverse document frequency of each feature."""
    documents = counts.shape[0]
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    idf: NDArray[np.float32] = (np.log((1 + documents) / (1 + frequency)) + 1).astype(np.float32)
    return idf


def all_tokens(texts: Iterable[TextIn]) -> Iterator[list[str]]:
    return map(tokens, texts)
