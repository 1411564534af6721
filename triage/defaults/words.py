"""How the words of a rule are written down here: by weight, so that telling and ambiguous ones stand apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Topic:
    """A category, where its tickets go, and the words that speak for it, by weight.

    5: hardly ever means anything else. 3: telling. 2: often. 1 and less: weak, counts only beside others.
    """

    slug: str
    name: str
    description: str
    department: str
    group: str
    words: Mapping[float, str]
    exclude: Mapping[float, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


def terms(words: Mapping[float, str]) -> list[dict[str, object]]:
    """Return `{4: "vpn, packet loss"}` as rows of `Rule.terms`."""
    return [
        {"text": text.strip(), "weight": float(weight)}
        for weight, texts in words.items()
        for text in texts.split(",")
        if text.strip()
    ]
