"""From a ticket's text to weighted features: words, pairs of words, the words of the title."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from triage.classifier.pieces import unit_rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TextIn = tuple[str, str]  # title, description

#: What is read of a description. Logs and forwarded threads go on for ever and say nothing new.
READ_CHARACTERS: Final = 6_000
#: Where there is no title, so many words at the beginning stand for one.
STANDS_FOR_TITLE: Final = 6
#: The title and so many words after it are what a text opens with.
OPENING: Final = 30
_PLAIN: Final = re.compile(r"\d+(?:\.\d+){3}|\w+")
#: Looks at every word as if it began an address, which only pays in the few texts that have one. No name before an
#: @ is longer than 64 (RFC 5321): without that bound, a text of dots would cost its length squared.
_ADDRESSED: Final = re.compile(rf"https?://\S+|[\w.+-]{{1,64}}@[\w-]+\.[\w.]+|{_PLAIN.pattern}")
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


class Document(NamedTuple):
    """A text cut up: its words in their order, and what they stand beside, in the same order.

    It opens with the first `opening` of both; 0 when that is all of it.
    """

    words: list[str]
    context: list[str]
    opening: int


def document(text: TextIn) -> Document:
    """Return the features of a text: its words, each pair of neighbours, and the title's words once more.

    Addresses and numbers that differ in every ticket become <url>, <mail>, <ip>, <hex>, <number>; numbers of
    up to three digits stay, for 404 and 500 mean something. A text without a title opens with what it is about.
    """
    title = _words(text[0])
    body = _words(text[1][:READ_CHARACTERS])
    words = title + body
    context = [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]
    context += [f"title:{word}" for word in title or body[:STANDS_FOR_TITLE]]
    return Document(words, context, len(title) + OPENING if len(body) > OPENING else 0)


def tokens(text: TextIn) -> list[str]:
    """Return the names of all features of a text."""
    words, context, _ = document(text)
    return words + context


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


def count_rows(rows: Sequence[Sequence[int]], width: int) -> "csr_matrix":
    """Return how often each column occurs in each row (rows × `width`)."""
    ends = [0, *accumulate(len(row) for row in rows)]
    return counted(list(chain.from_iterable(rows)), ends, width)


def counted(indices: list[int], ends: list[int], width: int) -> "csr_matrix":
    """Return the same from all rows' columns in one list, and where each row ends in it."""
    from scipy.sparse import csr_matrix  # 25 MB, which only those need who read texts

    columns = np.array(indices, dtype=np.int32)
    ones = np.ones(len(columns), dtype=np.float32)
    counts = csr_matrix((ones, columns, ends), shape=(len(ends) - 1, width))
    counts.sum_duplicates()
    return counts


def weighted(counts: "csr_matrix", idf: NDArray[np.float32]) -> "csr_matrix":
    """Return the TF-IDF matrix of `counts` (tickets × features): (1 + ln count) × idf, rows of length 1."""
    from scipy.sparse import csr_matrix  # 25 MB, which only those need who read texts

    values = (1.0 + np.log(counts.data)) * idf[counts.indices]
    return unit_rows(csr_matrix((values, counts.indices, counts.indptr), shape=counts.shape))


def blended(whole: "csr_matrix", opening: "csr_matrix", weight: float) -> "csr_matrix":
    """Return the rows of texts with those of what they open with added: a long text says most at its beginning."""
    return unit_rows(whole + opening * np.float32(weight)) if weight else whole


def inverse_frequency(documents: int, frequency: NDArray[Any]) -> NDArray[np.float32]:
    """Smooth inverse document frequency of features that occur in `frequency` of so many texts."""
    idf: NDArray[np.float32] = (np.log((1 + documents) / (1 + frequency)) + 1).astype(np.float32)
    return idf
