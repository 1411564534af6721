"""Weighted words and phrases, matched on whole words in one pass over a text.

"add" is not in "address", "down" not in "download", "key" not in "Keyboard": texts and terms are cut into the same
words, and a term matches a run of whole words. A term's last word may be a plural in the text ("invoice" finds
"invoices"); `refund*` matches every word that begins so.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
#: Words read from one text; the rest of a very long one (a log, a dump) says nothing new.
MAX_WORDS: Final = 4000
#: Texts are cut here before anything else, which bounds the work for 64 KB of anything.
MAX_CHARACTERS: Final = 20_000
#: How many different words a matcher remembers.
_REMEMBERED: Final = 50_000
#: A word in the title says twice as much as one in the description.
TITLE_FACTOR: Final = 2.0


@dataclass(frozen=True)
class Term:
    """A word or phrase and how much it says. `text` may end in `*`: any word that begins so."""

    text: str
    weight: float = 1.0


def words_of(text: str) -> list[str]:
    """Cut a text into lower-case words; e-mail and email, log-in and log in come out alike."""
    plain = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
    return _WORD.findall(plain.replace("e-mail", "email").replace("wi-fi", "wifi"))[:MAX_WORDS]


def singular(word: str) -> str:
    """Undo the commonest English plural; other words stay as they are."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@dataclass(frozen=True)
class _Entry:
    key: int  # which term of which owner
    words: tuple[str, ...]
    prefix: bool


@dataclass(frozen=True)
class Matcher:
    """Many terms, compiled once. `find` looks at each word of a text once."""

    _by_first: Mapping[str, tuple[_Entry, ...]]
    _prefixes: Mapping[str, tuple[_Entry, ...]] = field(default_factory=dict)
    _prefix_lengths: tuple[int, ...] = ()
    #: Words looked up before. Most words of a language mean nothing to any rule, and come again and again.
    _seen: dict[str, "tuple[tuple[str, _Entry], ...]"] = field(
        default_factory=dict, compare=False, repr=False
    )

    @classmethod
    def compile(cls, texts: Iterable[str]) -> "Matcher":
        """Build a matcher; `find` answers with the positions of `texts` that occur."""
        by_first: dict[str, list[_Entry]] = {}
        prefixes: dict[str, list[_Entry]] = {}
        for key, text in enumerate(texts):
            prefix = text.rstrip().endswith("*")
            words = tuple(words_of(text))
            if not words:
                continue
            if prefix and len(words) == 1:
                prefixes.setdefault(words[0], []).append(_Entry(key, words, prefix=True))
            else:
                by_first.setdefault(words[0], []).append(_Entry(key, words, prefix))
        return cls(
            {word: tuple(entries) for word, entries in by_first.items()},
            {word: tuple(entries) for word, entries in prefixes.items()},
            tuple(sorted({len(word) for word in prefixes})),
        )

    def find(self, words: list[str]) -> set[int]:
        """Return the positions of the terms that occur in `words` (as `words_of` makes them)."""
        found: set[int] = set()
        seen = self._seen
        for index, word in enumerate(words):
            candidates = seen.get(word)
            if candidates is None:
                candidates = self._candidates(word)
                if len(seen) < _REMEMBERED:
                    seen[word] = candidates
            for form, entry in candidates:
                if entry.key not in found and _follows(entry, words, index, form):
                    found.add(entry.key)
        return found

    def _candidates(self, word: str) -> tuple[tuple[str, _Entry], ...]:
        """The terms whose first word this may be, with the form (plural undone or not) in which it is."""
        forms = dict.fromkeys((word, singular(word)))
        whole = [(form, entry) for form in forms for entry in self._by_first.get(form, ())]
        begun = [
            (word, entry)
            for length in self._prefix_lengths
            if length <= len(word)
            for entry in self._prefixes.get(word[:length], ())
        ]
        return tuple(whole + begun)


def _follows(entry: _Entry, words: list[str], index: int, first: str) -> bool:
    """Whether the whole phrase stands at `index`; its last word may be a plural or, with `*`, go on."""
    length = len(entry.words)
    if length == 1:
        return True
    if words[index] != first or words[index : index + length - 1] != list(entry.words[:-1]):
        return False
    if index + length > len(words):
        return False
    last, wanted = words[index + length - 1], entry.words[-1]
    return last == wanted or singular(last) == wanted or (entry.prefix and last.startswith(wanted))
