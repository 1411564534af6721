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

_K = TypeVar("_K")
_T = TypeVar("_T")
_Pair = tuple[str, str]
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
    middle: list[str]  # between the first two words and the last
    last: str
    prefix: bool


@dataclass(frozen=True)
class Matcher:
    """Many terms, compiled once. `find` looks at each word of a text once, however many terms there are."""

    _words: Mapping[str, tuple[int, ...]]  # a word, as it or its plural stands in a text -> terms
    _pairs: Mapping[_Pair, tuple[int, ...]]  # phrases of two words
    _phrases: Mapping[_Pair, tuple[_Phrase, ...]]  # longer ones, by their first two
    _begun: frozenset[_Pair]  # the keys of both
    _open: Mapping[str, tuple[_Phrase, ...]]  # two words, of which the second may go on
    _prefixes: Mapping[str, tuple[tuple[str, int], ...]]  # by their first letters
    _letters: int = 0  # how many of them; 0 without prefixes

    @classmethod
    def compile(cls, texts: Iterable[str]) -> "Matcher":
        """Build a matcher; `find` answers with the positions of `texts` that occur."""
        single: dict[str, list[int]] = {}
        pairs: dict[_Pair, list[int]] = {}
        phrases: dict[_Pair, list[_Phrase]] = {}
        opened: dict[str, list[_Phrase]] = {}
        prefixes: list[tuple[str, int]] = []
        for key, text in enumerate(texts):
            open_ended = text.rstrip().endswith("*")
            words = words_of(text)
            if len(words) > 2:
                phrase = _Phrase(key, words[2:-1], words[-1], open_ended)
                phrases.setdefault((words[0], words[1]), []).append(phrase)
            elif len(words) == 2 and open_ended:
                opened.setdefault(words[0], []).append(_Phrase(key, [], words[1], True))
            elif len(words) == 2:
                for form in forms_of(words[1]):
                    pairs.setdefault((words[0], form), []).append(key)
            elif words and open_ended:
                prefixes.append((words[0], key))
            elif words:
                for form in forms_of(words[0]):
                    single.setdefault(form, []).append(key)
        letters = min((len(prefix) for prefix, _ in prefixes), default=0)
        begun: dict[str, list[tuple[str, int]]] = {}
        for prefix, key in prefixes:
            begun.setdefault(prefix[:letters], []).append((prefix, key))
        return cls(
            _words=_frozen(single),
            _pairs=_frozen(pairs),
            _phrases=_frozen(phrases),
            _begun=frozenset(pairs) | frozenset(phrases),
            _open=_frozen(opened),
            _prefixes=_frozen(begun),
            _letters=letters,
        )

    def find(self, words: list[str]) -> set[int]:
        """Return the positions of the terms that occur in `words` (as `words_of` makes them)."""
        found: set[int] = set()
        # Intersections look at all words at once; what they leave, which is little, is looked at one by one.
        for word in self._words.keys() & words:
            found.update(self._words[word])
        pairs = [*zip(words, words[1:], strict=False)]
        for pair in self._begun.intersection(pairs):
            found.update(self._pairs.get(pair, ()))
            for phrase in self._phrases.get(pair, ()):
                if any(
                    here == pair and _goes_on(phrase, words, i) for i, here in enumerate(pairs, 2)
                ):
                    found.add(phrase.key)
        for word in [word for word in words if word[: self._letters] in self._prefixes]:
            prefixes = self._prefixes[word[: self._letters]]
            found.update(key for prefix, key in prefixes if word.startswith(prefix))
        if not self._open.keys().isdisjoint(words):
            found.update(p.key for a, b in pairs for p in self._open.get(a, ()) if _ends(p, b))
        return found


def forms_of(word: str) -> set[str]:
    """Return the words of a text that mean `word`: itself, its plurals, its possessive."""
    plurals = {word + "s", word + "es", word[:-1] + "ies"}
    return {word, word + "'s"} | {plural for plural in plurals if singular(plural) == word}


def _frozen(lists: Mapping[_K, list[_T]]) -> dict[_K, tuple[_T, ...]]:
    return {word: tuple(entries) for word, entries in lists.items()}


def _goes_on(phrase: _Phrase, words: list[str], start: int) -> bool:
    """Whether the rest of the phrase stands at `start`; its last word may be a plural or, with `*`, go on."""
    end = start + len(phrase.middle)
    return end < len(words) and words[start:end] == phrase.middle and _ends(phrase, words[end])


def _ends(phrase: _Phrase, last: str) -> bool:
    return (
        last == phrase.last
        or singular(last) == phrase.last
        or (phrase.prefix and last.startswith(phrase.last))
    )
