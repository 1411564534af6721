"""What rules, signals and classifier find in tickets' texts: the ground that decisions stand on."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from triage.classifier.features import TextIn
from triage.classifier.model import Prediction
from triage.rules import RuleBook, RuleHit, TicketText
from triage.signals import Signals, read_signals

_Found = TypeVar("_Found")
#: The classifier: an answer for each text, or None for each where there is no classifier.
Guess = Callable[[Sequence[TextIn]], Sequence[Prediction | None]]


class Given(NamedTuple):
    """A ticket as triage sees it. `fixed` holds the fields that a person or the sender decided."""

    title: str
    description: str
    source: str
    tier: str
    fixed: Mapping[str, Any] = MappingProxyType({})


class Evidence(NamedTuple):
    """What the engines found in one ticket."""

    hits: tuple[RuleHit, ...]
    signals: Signals
    guess: Prediction | None


def examine(givens: Sequence[Given], rules: RuleBook, guess: Guess) -> list[Evidence | Exception]:
    """Ask every engine about every ticket. Where a text breaks an engine, its answer is the exception.

    Engine by engine, not ticket by ticket: what an engine knows then stays in the processor's caches.
    """
    hits = _each(
        lambda given: rules.match(
            TicketText(given.title, given.description, given.source, given.tier)
        ),
        givens,
    )
    signals = _each(lambda given: read_signals(given.title, given.description, given.tier), givens)
    guesses = _guesses(guess, [(given.title, given.description) for given in givens])
    return [_together(*found) for found in zip(hits, signals, guesses, strict=True)]


def _each(engine: Callable[[Given], _Found], givens: Sequence[Given]) -> list[_Found | Exception]:
    found: list[_Found | Exception] = []
    for given in givens:
        try:
            found.append(engine(given))
        except Exception as error:  # whatever a text does to an engine, its neighbours go on
            found.append(error)
    return found


def _guesses(guess: Guess, texts: Sequence[TextIn]) -> Sequence[Prediction | None | Exception]:
    try:
        return guess(texts)
    except Exception as error:  # one text broke the batch: ask for each alone
        return [error] if len(texts) == 1 else [_guesses(guess, [text])[0] for text in texts]


def _together(
    hits: tuple[RuleHit, ...] | Exception,
    signals: Signals | Exception,
    guess: Prediction | None | Exception,
) -> Evidence | Exception:
    if isinstance(hits, Exception):
        return hits
    if isinstance(signals, Exception):
        return signals
    return guess if isinstance(guess, Exception) else Evidence(hits, signals, guess)
