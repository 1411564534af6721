"""Many phrases of several kinds, written as patterns and found word by word in one tree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Generic, TypeVar

_Kind = TypeVar("_Kind")


@dataclass
class Node(Generic[_Kind]):
    """A word of a phrase and the words that may follow; `kind` is set where a phrase may end."""

    kind: _Kind | None = None
    following: dict[str, "Node[_Kind]"] = field(default_factory=dict)

    def phrases_at(self, tokens: Sequence[str], start: int) -> Iterator[tuple[_Kind, int]]:
        """Yield the kind and the end of every phrase at `start`. `#` in a phrase is any number."""
        node = self
        for end in range(start, len(tokens)):
            token = tokens[end]
            following = node.following.get(token)
            if following is None and token[0].isdecimal():
                following = node.following.get("#")
            if following is None:
                return
            node = following
            if node.kind is not None:
                yield node.kind, end + 1


def tree_of(patterns: Mapping[_Kind, Sequence[str]]) -> Node[_Kind]:
    """Return the tree of all phrases. One that is of two kinds is of the kind that comes first."""
    root: Node[_Kind] = Node()
    for kind, written in patterns.items():
        for pattern in written:
            for phrase in expand(pattern):
                node = root
                for word in phrase:
                    node = node.following.setdefault(word, Node())
                if node.kind is None and node is not root:
                    node.kind = kind
    return root


def expand(pattern: str) -> list[tuple[str, ...]]:
    """Return the phrases that a pattern stands for, as words.

    A pattern is a row of slots: `whole|entire company|office` is four phrases, `of?` may be left
    out, and `_` joins the words of one alternative (`call_centre`).
    """
    slots = [
        [*slot.removesuffix("?").split("|"), *([""] if slot.endswith("?") else [])]
        for slot in pattern.split()
    ]
    return [tuple(" ".join(words).replace("_", " ").split()) for words in product(*slots)]
