"""Titles without what differs from one incident to the next: "Host web-17 is down" is like "Host db-3 is down"."""

from collections.abc import Collection
from typing import Final

MASK: Final = "*"
#: Titles that share this part of their words are of one kind.
ALIKE: Final = 0.7


def template(title: str, names: Collection[str] = ()) -> str:
    """`title` in small letters with a * for each number, host, address and whatever `names` lists."""
    known = {name.lower() for name in names}
    words: list[str] = []
    for word in title.lower().split():  # as PostgreSQL does, which looks for it in its history
        masked = word.strip(".,:;()[]'\"") in known or _varies(word)
        if not (masked and words[-1:] == [MASK]):
            words.append(MASK if masked else word)
    return " ".join(words)


def _varies(word: str) -> bool:
    """Whether a word names one thing of many: it has a digit, or a dot, a slash or an @ inside."""
    inner = word.strip(".,:;()[]'\"/")
    return any(letter.isdigit() for letter in word) or any(sign in inner for sign in "./@")


def alike(one: str, other: str) -> bool:
    """Whether two templates are of one kind: their words, without masks, overlap."""
    if one == other:
        return True
    left, right = set(one.split()) - {MASK}, set(other.split()) - {MASK}
    return bool(left and right) and len(left & right) / len(left | right) >= ALIKE


def as_like(masked: str) -> str:
    """A template as a pattern of SQL's LIKE, on titles in small letters."""
    escaped = masked.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace(MASK, "%")
