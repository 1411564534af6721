"""What rules, signals and classifier find in tickets' texts: the ground that decisions stand on."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from triage.classifier.features import TextIn
from triage.classifier.model import Prediction
from triage.rules import RuleBook, RuleHit, TicketText
from triage.signals import Signals, read_signals

_Found = TypeVar("_Found")
#: A classifier: an answer for each text.
Guess = Callable[[Sequence[TextIn]], Sequence[Prediction]]


class Given(NamedTuple):
    """A ticket as triage sees it. `fixed` holds the fields that a person or the sender decided."""

    title: str
    description: str
    source: str
    tier: str
    fixed: Mapping[str, Any] = MappingProxyType({})


class Evidence(NamedTuple):
    """What the engines found in one ticket. `guesses`: field -> what its classifier says, where there is one."""

    hits: tuple[RuleHit, ...]
    signals: Signals
    guesses: Mapping[str, Prediction] = MappingProxyType({})


def examine(
    givens: Sequence[Given], rules: RuleBook, classifiers: Mapping[str, Guess]
) -> list[Evidence | Exception]:
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
    texts = [(given.title, given.description) for given in givens]
    guesses = [_guesses(guess, texts) for guess in classifiers.values()]
    by_ticket = zip(*guesses, strict=True) if guesses else [()] * len(givens)
    return [
        _together(tuple(classifiers), *found)
        for found in zip(hits, signals, by_ticket, strict=True)
    ]


def _each(engine: Callable[[Given], _Found], givens: Sequence[Given]) -> list[_Found | Exception]:
    found: list[_Found | Exception] = []
    for given in givens:
        try:
            found.append(engine(given))
        except Exception as error:  # whatever a text does to an engine, its neighbours go on
            found.append(error)
    return found


def _guesses(guess: Guess, texts: Sequence[TextIn]) -> Sequence[Prediction | Exception]:
    try:
        return guess(texts)
    except Exception as error:  # one text broke the batch: ask for each alone
        return [error] if len(texts) == 1 else [_guesses(guess, [text])[0] for text in texts]


def _together(
    fields: tuple[str, ...],
    hits: tuple[RuleHit, ...] | Exception,
    signals: Signals | Exception,
    guesses: tuple[Prediction | Exception, ...],
) -> Evidence | Exception:
    for found in (hits, signals, *guesses):
        if isinstance(found, Exception):
            return found
    return Evidence(hits, signals, dict(zip(fields, guesses, strict=True)))  # type: ignore[arg-type]
