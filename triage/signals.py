"""What a text says about its own impact and urgency: how many suffer, what stands still, how soon it must end.

Every finding quotes the words it rests on. Denials count ("not an outage", "isn't urgent", "no data loss") as far
as the sentence goes. What a sender claims ("P1", "severity: critical") is one signal among others, not the truth.
The words themselves are in `triage.signal_words`.
"""

import re
import unicodedata
from typing import Final, NamedTuple

from triage.counting import NUMBERS, count_at
from triage.phrases import Node, tree_of
from triage.signal_words import PHRASES, Kind

#: Who is hit and how soon stands at the beginning; logs and threads follow.
READ_CHARACTERS: Final = 3_000
#: From so many people on, impact is high; from so many, medium.
MANY: Final = 50
SEVERAL: Final = 5
HIGH, MEDIUM, LOW = 1, 2, 3

_TREE: Final = tree_of(PHRASES)
_BEGINS: Final = _TREE.following
_STARTS: Final = _BEGINS.keys() | NUMBERS.keys()
_DIGITS: Final = frozenset("0123456789")

_TOKEN: Final = re.compile(r"\d+(?:[.,]\d{3})+(?!\d)|[^\W_]+(?:'[^\W_]+)?|[^\w\s'/\"`*:=-]|\n")
_CLAIMING: Final = ("severity", "priority", "urgency")
_CLAIM: Final = re.compile(
    rf"(?:{'|'.join(_CLAIMING)})\"?\s*[:=]\s*\"?(critical|high|warning|info|low|none)\b",
    re.IGNORECASE,
)
_CLAIMED: Final = {"critical": HIGH, "high": HIGH, "warning": MEDIUM}
#: A phrase after one of these is denied, whatever fillers stand between: "isn't really urgent".
_DENIALS: Final = frozenset(
    {"no", "not", "nobody", "none", "never", "without", "neither", "nor", "hardly", "isn't", "isnt"}
    | {"aren't", "arent", "wasn't", "wasnt", "weren't", "hasn't", "haven't", "don't", "doesn't"}
    | {"didn't"}
)
_FILLERS: Final = frozenset(
    {"a", "an", "the", "any", "all", "for", "of", "in", "at", "that", "this", "it", "such", "so"}
    | {"really", "very", "yet", "been", "be", "is", "are", "was", "currently", "exactly", "too"}
    | {"particularly", "super", "terribly", "overly", "quite", "actually", "extremely", "need"}
    | {"risk", "sign", "signs", "evidence", "hint", "big", "real", "major"}
)
#: How far back a denial is looked for: "not (such a big) outage".
_REACH: Final = 4


class Signals(NamedTuple):
    """Impact and urgency, 1 (high) to 3 (low), or None when the text says nothing; with sentences why.

    `calm`: the text asks for patience itself, which no keyword rule should overrule.
    """

    impact: int | None = None
    urgency: int | None = None
    impact_reason: str = ""
    urgency_reason: str = ""
    calm: bool = False


class _Found(NamedTuple):
    """The first phrase of each kind, and the largest counts of people and of things."""

    phrases: dict[Kind, str]
    people: tuple[int, str]
    things: tuple[int, str]


def read_signals(title: str, description: str, tier: str = "") -> Signals:
    """Return what the first 3,000 characters say about impact and urgency.

    Gold customers raise a medium urgency that the text gives by one step; they do not make one out of nothing.
    """
    text = f"{title}\n{description}"[:READ_CHARACTERS]
    found = _find(tokens_of(text))
    impact, impact_reason = _impact(found)
    urgency, urgency_reason, calm = _urgency(found.phrases, text)
    if tier == "gold" and urgency == MEDIUM:
        urgency, urgency_reason = HIGH, f"{urgency_reason} The customer is gold: one step up."
    return Signals(impact, urgency, impact_reason, urgency_reason, calm)


def tokens_of(text: str) -> list[str]:
    """Cut a text into lower-case words, with the punctuation that ends a thought between them."""
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain).casefold().replace("’", "'")
    return _TOKEN.findall(plain)


def _find(tokens: list[str]) -> _Found:
    phrases: dict[Kind, str] = {}
    people = things = (0, "")
    starts = [i for i, token in enumerate(tokens) if token in _STARTS or token[0] in _DIGITS]
    for start in starts:
        token = tokens[start]
        if token in _BEGINS and _may_go_on(_BEGINS[token], tokens, start + 1):
            for kind, end in _TREE.phrases_at(tokens, start):
                quoted = " ".join(tokens[start:end])
                if not _denied(tokens, start):
                    phrases.setdefault(kind, quoted)
                elif kind is Kind.PRESSING and end == start + 1:
                    # "not urgent" asks for patience; "not an outage", "not by noon" say nothing more.
                    phrases.setdefault(Kind.CALM, f"not {quoted}")
        if token in NUMBERS or token[0] in _DIGITS:
            count = count_at(tokens, start)
            if count and count.people:
                people = max(people, (count.number, count.words))
            elif count:
                things = max(things, (count.number, count.words))
    return _Found(phrases, people, things)


def _may_go_on(node: Node[Kind], tokens: list[str], after: int) -> bool:
    """A quick look before the search: is the first word a phrase, or may the next one follow it?"""
    return node.kind is not None or (
        after < len(tokens) and (tokens[after] in node.following or "#" in node.following)
    )


def _denied(tokens: list[str], start: int) -> bool:
    for back in range(start - 1, max(-1, start - 1 - _REACH), -1):
        if tokens[back] in _DENIALS:
            return True
        if tokens[back] not in _FILLERS:
            return False
    return False


def _impact(found: _Found) -> tuple[int | None, str]:
    phrases, (people, who), (things, what) = found
    if people >= MANY:
        return HIGH, f"It speaks of “{who}”."
    if Kind.ONE in phrases:
        return LOW, f"It says “{phrases[Kind.ONE]}”."
    if Kind.EVERYBODY in phrases:
        return HIGH, f"It speaks of “{phrases[Kind.EVERYBODY]}”."
    if people >= SEVERAL:
        return MEDIUM, f"It speaks of “{who}”."
    if things >= MANY:
        return MEDIUM, f"It speaks of “{what}”."
    if Kind.TEAM in phrases:
        return MEDIUM, f"It speaks of “{phrases[Kind.TEAM]}”."
    return None, ""


def _claim(text: str) -> re.Match[str] | None:
    """What the sender calls it. The words are looked for first: the pattern would try itself at every letter."""
    plain = text.lower()
    return _CLAIM.search(text) if any(word in plain for word in _CLAIMING) else None


def _urgency(phrases: dict[Kind, str], text: str) -> tuple[int | None, str, bool]:
    alarm = phrases.get(Kind.STANDSTILL) or phrases.get(Kind.PRESSING)
    if Kind.DANGER in phrases:
        return HIGH, f"It says “{phrases[Kind.DANGER]}”.", False
    if Kind.CALM in phrases and not (Kind.STANDSTILL in phrases and Kind.PRESSING in phrases):
        return LOW, f"It says “{phrases[Kind.CALM]}”.", True
    claim = _claim(text)
    if claim:
        level = _CLAIMED.get(claim[1].lower(), LOW)
        return level, f"Its sender calls it “{claim[0]}”.", False
    if alarm:
        return HIGH, f"It says “{alarm}”.", False
    if Kind.ASKING in phrases:
        return LOW, f"It asks “{phrases[Kind.ASKING]}”.", False
    if Kind.SOON in phrases:
        return MEDIUM, f"It says “{phrases[Kind.SOON]}”.", False
    return None, "", False
