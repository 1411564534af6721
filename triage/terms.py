"""Weighted words and phrases, matched on whole words in one pass over a text.

"add" is not in "address", "down" not in "download", "key" not in "Keyboard": texts and terms are cut into the same
words, and a term matches a run of whole words. A term's last word may be a plural in the text ("invoice" finds
"invoices"); `refund*` matches every word that begins so.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_SAME: Final = (("e-mail", "email"), ("wi-fi", "wifi"))
#: Words read from one text; the rest of a very long one (a log, a dump) says nothing new.
MAX_WORDS: Final = 4000
#: Texts are cut here before anything else, which bounds the work for 64 KB of anything.
MAX_CHARACTERS: Final = 20_000
#: A word in the title says twice as much as one in the description.
TITLE_FACTOR: Final = 2.0


@dataclass(frozen=True)
class Term:
    """A word or phrase and how much it says. `text` may end in `*`: any word that begins so."""

    text: str
    weight: float = 1.0


def terms_of(stored: Iterable[Mapping[str, Any]]) -> tuple[Term, ...]:
    """Return terms from rows as rules keep them: `{"text": "vpn", "weight": 4.0}`."""
    return tuple(Term(item["text"], float(item.get("weight", 1.0))) for item in stored)


def words_of(text: str) -> list[str]:
    """Cut a text into lower-case words; e-mail and email, log-in and log in come out alike. Linear in the text."""
    plain = text[:MAX_CHARACTERS].casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).casefold().replace("’", "'")
    if "-" in plain:
        for written, meant in _SAME:
            plain = plain.replace(written, meant)
    return _WORD.findall(plain)[:MAX_WORDS]


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
class _Phrase:
    key: int  # which term
    head: list[str]
    last: str
    prefix: bool


@dataclass(frozen=True)
class Matcher:
    """Many terms, compiled once. `find` looks at each word of a text once, however many terms there are."""

    _words: Mapping[str, tuple[int, ...]]  # a word, as it or its plural stands in a text -> terms
    _phrases: Mapping[str, tuple[_Phrase, ...]]  # by their first word
    _prefixes: Mapping[str, tuple[tuple[str, int], ...]]  # by their first letters
    _letters: int = 0  # how many of them; 0 without prefixes

    @classmethod
    def compile(cls, texts: Iterable[str]) -> "Matcher":
        """Build a matcher; `find` answers with the positions of `texts` that occur."""
        single: dict[str, list[int]] = {}
        phrases: dict[str, list[_Phrase]] = {}
        prefixes: list[tuple[str, int]] = []
        for key, text in enumerate(texts):
            open_ended = text.rstrip().endswith("*")
            words = tuple(words_of(text))
            if len(words) > 1:
                phrases.setdefault(words[0], []).append(
                    _Phrase(key, list(words[:-1]), words[-1], open_ended)
                )
            elif words and open_ended:
                prefixes.append((words[0], key))
            elif words:
                for form in forms_of(words[0]):
                    single.setdefault(form, []).append(key)
        letters = min((len(prefix) for prefix, _ in prefixes), default=0)
        begun: dict[str, list[tuple[str, int]]] = {}
        for prefix, key in prefixes:
            begun.setdefault(prefix[:letters], []).append((prefix, key))
        return cls(_frozen(single), _frozen(phrases), _frozen(begun), letters)

    def find(self, words: list[str]) -> set[int]:
        """Return the positions of the terms that occur in `words` (as `words_of` makes them)."""
        found: set[int] = set()
        single, phrases, prefixes, letters = (
            self._words,
            self._phrases,
            self._prefixes,
            self._letters,
        )
        for index, word in enumerate(words):
            if word in single:
                found.update(single[word])
            if word in phrases:
                found.update(p.key for p in phrases[word] if _stands_at(p, words, index))
            if word[:letters] in prefixes:
                found.update(
                    key for begun, key in prefixes[word[:letters]] if word.startswith(begun)
                )
        return found


def forms_of(word: str) -> set[str]:
    """Return the words of a text that mean `word`: itself, its plurals, its possessive."""
    plurals = {word + "s", word + "es", word[:-1] + "ies"}
    return {word, word + "'s"} | {plural for plural in plurals if singular(plural) == word}


def _frozen(lists: Mapping[str, list[_T]]) -> dict[str, tuple[_T, ...]]:
    return {word: tuple(entries) for word, entries in lists.items()}


def _stands_at(phrase: _Phrase, words: list[str], index: int) -> bool:
    """Whether the whole phrase stands at `index`; its last word may be a plural or, with `*`, go on."""
    end = index + len(phrase.head)
    if end >= len(words) or words[index:end] != phrase.head:
        return False
    last = words[end]
    return (
        last == phrase.last
        or singular(last) == phrase.last
        or (phrase.prefix and last.startswith(phrase.last))
    )
