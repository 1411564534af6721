"""How good the engines of a field are on labelled tickets: the models of the registry, rules, and any others."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from django.db.models import Q

from triage import judging, knowledge
from triage.classifier.evaluation import Report, evaluate
from triage.classifier.features import Example, TextIn
from triage.classifier.model import Prediction, TrainedModel
from triage.decide import AUTO_FROM
from triage.models import ClassifierModel, Field
from triage.services.comparing import target_of
from triage.services.labels import labels


class Evaluated(NamedTuple):
    """An engine's scores. Without a report it speaks of other labels than the tickets do."""

    report: Report | None
    documents_a_second: float


def evaluate_engines(
    *,
    field: str,
    examples: Sequence[Example],
    others: Mapping[str, TrainedModel],
    mapping: Mapping[str, str],
) -> dict[str, Evaluated]:
    """Judge `others`, then champion, challenger and rules, on the same tickets. Writes nothing.

    `mapping` turns our labels into those of the tickets.
    """
    rules, target = knowledge.current().knowledge.rules, target_of(field)
    found = {}
    for name, model in {**others, **registered(field)}.items():
        texts = [example.text for example in examples]
        found[name] = _evaluated(
            partial(judging.by_model, model, rules=rules, mapping=mapping),
            examples,
            dict(model.thresholds(target)),
            judging.acts_alone(model, texts, rules, target=target) if mapping else None,
        )
    found["rules"] = _evaluated(
        partial(judging.by_rules, field, rules=rules, mapping=mapping), examples, AUTO_FROM
    )
    return found


def registered(field: str) -> dict[str, TrainedModel]:
    """The models that decide or run in the shadow, by role and name."""
    roles = ClassifierModel.objects.filter(Q(champion=True) | Q(challenger=True), field=field)
    found = {}
    for row in roles.order_by("-champion"):
        model = knowledge.readable(row)
        if model is not None:
            found[f"{'champion' if row.champion else 'challenger'} {row.name}"] = model
    return found


def unseen_labels(field: Field | str) -> list[Example]:
    """The desk's labels that neither champion nor challenger can have learnt from, oldest first."""
    roles = ClassifierModel.objects.filter(
        Q(champion=True) | Q(challenger=True), field=field, trained_until__isnull=False
    )
    since = roles.order_by("-trained_until").values_list("trained_until", flat=True).first()
    return [label.example() for label in labels(field, known_after=since)]


def _evaluated(
    answer: Callable[[Sequence[TextIn]], list[Prediction]],
    examples: Sequence[Example],
    threshold: float | Mapping[str, float],
    alone: Sequence[bool] | None = None,
) -> Evaluated:
    started = time.perf_counter()
    said = answer([example.text for example in examples])
    rate = len(examples) / max(time.perf_counter() - started, 1e-9)
    truth = [example.label for example in examples]
    if not {prediction.label for prediction in said} & set(truth):
        return Evaluated(None, rate)
    return Evaluated(evaluate(said, truth, threshold=threshold, alone=alone), rate)
