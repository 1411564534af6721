"""Classifiers: trained from a file or from the desk's own tickets, kept with their scores, put into use."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from tickets.models import Ticket
from triage import knowledge
from triage.classifier.features import Example
from triage.classifier.model import TrainedModel
from triage.classifier.storage import SHIPPED, dumps, loads
from triage.models import ClassifierModel, Field, Promotion

#: Where the shipped model says it comes from.
SHIPPED_FROM: Final = "the shipped corpus"
INSTALLER: Final = "installation"


def confirmed_examples() -> list[Example]:
    """The desk's own labelled tickets: those whose category a person or the sender decided."""
    rows = Ticket.objects.filter(
        Q(locked_fields__contains=["category"]), category__isnull=False
    ).values_list("title", "description", "category__slug")
    return [Example(*row) for row in rows.order_by("opened_at", "pk").iterator(chunk_size=2000)]


def train_classifier(
    *, examples: Sequence[Example], name: str, trained_from: str, use: bool, by: str
) -> ClassifierModel:
    """Train a classifier and keep it; `use` puts it into use at once.

    :raises TooFewExamples: saying what is missing.
    """
    # Here, for it loads scikit-learn: 1.5 s and 80 MB that only training needs.
    from triage.classifier.training import train

    rules = knowledge.current().knowledge.rules
    # Seconds to minutes: outside any transaction.
    model = train(examples, name=name, rules=rules)
    return store(model=model, trained_from=trained_from, use=use, by=by)


@transaction.atomic(durable=True)
def store(
    *,
    model: TrainedModel,
    trained_from: str,
    use: bool,
    by: str,
    field: Field = Field.CATEGORY,
    trained_until: datetime | None = None,
) -> ClassifierModel:
    """Keep a trained model in the registry; `use` makes it its field's champion at once."""
    row = ClassifierModel.objects.create(
        name=model.name,
        data=dumps(model),
        scores=dict(model.scores),
        examples=model.scores.get("examples", 0),
        labels=list(model.labels),
        trained_from=trained_from,
        trained_until=trained_until,
        field=field,
        requested_by=by,
    )
    if use:
        _crown(row, by, f"Trained from {trained_from}.")
    return row


def install_shipped() -> None:
    """Keep the model that comes with the product, and use it unless this desk has chosen one of its own."""
    model = loads(SHIPPED.read_bytes())
    if ClassifierModel.objects.filter(name=model.name).exists():
        return
    chosen = ClassifierModel.objects.filter(champion=True, field=Field.CATEGORY).exclude(
        trained_from=SHIPPED_FROM
    )
    row = store(model=model, trained_from=SHIPPED_FROM, use=not chosen.exists(), by=INSTALLER)
    older = ClassifierModel.objects.filter(trained_from=SHIPPED_FROM).exclude(pk=row.pk)
    older.delete()


@transaction.atomic(durable=True)
def make_champion(*, model: ClassifierModel, by: str, why: str = "") -> None:
    """Let `model` decide its field from now on. Every worker notices with its next chunk."""
    _crown(model, by, why)


def _crown(model: ClassifierModel, by: str, why: str) -> None:
    of_field = ClassifierModel.objects.filter(field=model.field)
    previous = of_field.select_for_update().only("pk").filter(champion=True).first()
    of_field.filter(champion=True).update(champion=False)
    of_field.filter(pk=model.pk).update(champion=True, challenger=False)
    Promotion.objects.create(model=model, previous=previous, by=by, why=why)
