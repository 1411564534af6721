"""What models and rules say about labelled tickets, as they would decide today. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from triage.classifier.features import Example, TextIn
from triage.classifier.model import Prediction, TrainedModel
from triage.classifier.thresholds import TARGET_PRECISION
from triage.decide import AUTO_FROM, FALLBACK_CATEGORY, LEAST
from triage.pool import pooled, pooled_shares, renamed
from triage.rules import RuleBook, TicketText, category_of, impact_of, urgency_of, votes_of
from triage.signals import read_signals

#: Newest labels that a training keeps apart to be judged on, at most: as a share, and in all.
HELD_OUT_SHARE: Final = 0.3
HELD_OUT_MOST: Final = 2_000
NO_MAPPING: Final[Mapping[str, str]] = MappingProxyType({})


def answers(
    field: str,
    model: TrainedModel | None,
    texts: Sequence[TextIn],
    rules: RuleBook,
    *,
    target: float = TARGET_PRECISION,
) -> list[Prediction]:
    """What the desk would answer with `model`, or with rules alone.

    For a category model and rules vote together. A level is the model's where it is sure enough for `target` or
    the rules are silent, else the rules'.
    """
    if model is None:
        return by_rules(field, texts, rules)
    return _beside_rules(field, model, by_model(model, texts, rules), texts, rules, target)


def held_out_answers(
    field: str,
    model: TrainedModel,
    texts: Sequence[TextIn],
    rules: RuleBook,
    *,
    target: float = TARGET_PRECISION,
) -> list[Prediction]:
    """The same of the texts that `model` was trained on, from models that had not learnt from them or near-copies.

    `texts` are all that it was trained on, in their order, and judged on folds.
    """
    guesses = [
        Prediction(model.labels[number], confidence, (), (), {})
        for _, number, confidence in zip(
            texts,
            model.outcomes["label"].tolist(),
            model.outcomes["confidence"].tolist(),
            strict=True,
        )
    ]
    return _beside_rules(field, model, guesses, texts, rules, target)


def _beside_rules(
    field: str,
    model: TrainedModel,
    guesses: list[Prediction],
    texts: Sequence[TextIn],
    rules: RuleBook,
    target: float,
) -> list[Prediction]:
    """What counts: of a category the guess, in which rules had their say; of a level the guess or the rules."""
    if field == "category":
        return guesses
    known = model.thresholds(target)
    return [
        guess
        if guess.confidence >= known.get(guess.label, AUTO_FROM) or not said.confidence
        else said
        for guess, said in zip(guesses, by_rules(field, texts, rules), strict=True)
    ]


def by_model(
    model: TrainedModel,
    texts: Sequence[TextIn],
    rules: RuleBook,
    *,
    mapping: Mapping[str, str] = NO_MAPPING,
) -> list[Prediction]:
    """What a model says, with the votes of rules where it learnt how much these weigh, in the mapped labels."""
    guesses = model.predict(texts, explain=False)
    if not (model.rule_weight or mapping):
        return guesses
    votes = [votes_of(rules.match(TicketText(*text))) for text in texts]
    pairs = zip(guesses, votes, strict=True)
    if mapping:  # every label's share counts: several may lead to one of theirs
        return [renamed(pooled_shares(*pair, model.rule_weight), mapping) for pair in pairs]
    return [pooled(*pair, model.rule_weight) for pair in pairs]


def acts_alone(
    model: TrainedModel, texts: Sequence[TextIn], rules: RuleBook, *, target: float
) -> list[bool]:
    """Which texts' own labels, unmapped, the model and the rules are sure enough of to act alone."""
    needed = model.thresholds(target)
    return [
        guess.confidence >= needed.get(guess.label, AUTO_FROM)
        for guess in by_model(model, texts, rules)
    ]


def by_rules(
    field: str,
    texts: Sequence[TextIn],
    rules: RuleBook,
    *,
    mapping: Mapping[str, str] = NO_MAPPING,
) -> list[Prediction]:
    """What rules (and for impact and urgency signals in the text) say where no model is asked.

    How sure they are of a level they do not say: it counts as sure, and a level that is only assumed as unsure.
    """
    found = []
    for text in texts:
        hits = rules.match(TicketText(*text))
        if field == "category":
            vote = category_of(hits)
            label, confidence = vote.category or FALLBACK_CATEGORY, vote.confidence
        else:
            read = impact_of if field == "impact" else urgency_of
            level, _ = read(hits, read_signals(text[0], text[1], ""))
            label, confidence = str(level or LEAST), 1.0 if level else 0.0
        found.append(renamed({label: confidence}, mapping))
    return found


class Split(NamedTuple):
    older: list[Example]
    later: list[Example]


def split_by_time(
    examples: Sequence[Example], known_at: Sequence[datetime], unseen_since: datetime | None
) -> Split:
    """Keep the newest examples apart that the present model cannot have learnt from: at most 30 %, at most 2,000.

    `examples` come oldest first; `known_at` says when each label was given, `unseen_since` what the present model
    learnt last.
    """
    most = min(int(len(examples) * HELD_OUT_SHARE), HELD_OUT_MOST)
    unseen = [
        number for number, at in enumerate(known_at) if unseen_since is None or at > unseen_since
    ]
    later = set(unseen[len(unseen) - most :] if most < len(unseen) else unseen)
    return Split(
        [example for number, example in enumerate(examples) if number not in later],
        [examples[number] for number in sorted(later)],
    )
