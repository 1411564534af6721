"""Classifiers: trained from a file or from the desk's own tickets, kept with their scores, put into use."""

from collections.abc import Sequence
from typing import Final

from django.db import transaction
from django.db.models import Q

from tickets.models import Ticket
from triage import knowledge
from triage.classifier.features import Example
from triage.classifier.model import TrainedModel
from triage.classifier.storage import SHIPPED, dumps, loads
from triage.models import ClassifierModel

#: Where the shipped model says it comes from.
SHIPPED_FROM: Final = "the shipped corpus"


def confirmed_examples() -> list[Example]:
    """The desk's own labelled tickets: those whose category a person or the sender decided."""
    rows = Ticket.objects.filter(
        Q(locked_fields__contains=["category"]), category__isnull=False
    ).values_list("title", "description", "category__slug")
    return [Example(*row) for row in rows.order_by("opened_at", "pk").iterator(chunk_size=2000)]


def train_classifier(
    *, examples: Sequence[Example], name: str, trained_from: str, use: bool
) -> ClassifierModel:
    """Train a classifier and keep it; `use` puts it into use at once.

    :raises TooFewExamples: saying what is missing.
    """
    # Here, for it loads scikit-learn: 1.5 s and 80 MB that only training needs.
    from triage.classifier.training import train

    rules = knowledge.current().knowledge.rules
    # Seconds to minutes: outside any transaction.
    model = train(examples, name=name, rules=rules)
    return store(model=model, trained_from=trained_from, use=use)


@transaction.atomic(durable=True)
def store(*, model: TrainedModel, trained_from: str, use: bool) -> ClassifierModel:
    row = ClassifierModel.objects.create(
        name=model.name,
        data=dumps(model),
        scores=dict(model.scores),
        examples=model.scores.get("examples", 0),
        labels=list(model.labels),
        trained_from=trained_from,
    )
    if use:
        _crown(row)
    return row


def install_shipped() -> None:
    """Keep the model that comes with the product, and use it unless this desk has chosen one of its own."""
    model = loads(SHIPPED.read_bytes())
    if ClassifierModel.objects.filter(name=model.name).exists():
        return
    chosen = ClassifierModel.objects.filter(champion=True).exclude(trained_from=SHIPPED_FROM)
    row = store(model=model, trained_from=SHIPPED_FROM, use=not chosen.exists())
    older = ClassifierModel.objects.filter(trained_from=SHIPPED_FROM).exclude(pk=row.pk)
    older.delete()


@transaction.atomic(durable=True)
def make_champion(*, model: ClassifierModel) -> None:
    """Let `model` decide from now on. Every worker notices with its next chunk."""
    _crown(model)


def _crown(model: ClassifierModel) -> None:
    list(ClassifierModel.objects.select_for_update().only("pk").filter(champion=True))
    ClassifierModel.objects.filter(champion=True).update(champion=False)
    ClassifierModel.objects.filter(pk=model.pk).update(champion=True)
