"""Classifiers: trained from a file or from the desk's own tickets, kept with their scores, put into use."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from triage import knowledge
from triage.classifier.features import Example
from triage.classifier.model import TrainedModel
from triage.classifier.storage import SHIPPED, dumps, loads
from triage.models import ClassifierModel, Field, FieldPolicy, Promotion
from triage.services.labels import labels
from workers.errors import PermanentError

#: Where the shipped model says it comes from.
SHIPPED_FROM: Final = "the shipped corpus"
INSTALLER: Final = "installation"
FROM_TICKETS: Final = "the desk's tickets"
LEVELS: Final = frozenset({"1", "2", "3"})
#: What no longer decides anything is kept for so long, and the newest of each field for good.
KEPT_FOR: Final = timedelta(days=90)
NEWEST_KEPT: Final = 10


class NotPossible(PermanentError):
    """The registry does not allow it; the message says why."""


def confirmed_examples(field: Field | str = Field.CATEGORY) -> list[Example]:
    """The desk's own labelled tickets, oldest label first."""
    return [label.example() for label in labels(field)]


def train_classifier(
    *,
    examples: Sequence[Example],
    name: str,
    trained_from: str,
    use: bool,
    by: str,
    field: Field | str = Field.CATEGORY,
    trained_until: datetime | None = None,
    foreign: bool = False,
) -> ClassifierModel:
    """Train a classifier and keep it; `use` puts it into use at once. `foreign`: the examples are of no desk.

    :raises TooFewExamples: saying what is missing.
    """
    # Here, for it loads scikit-learn: 1.5 s and 80 MB that only training needs.
    from triage.classifier.training import train

    rules = knowledge.current().knowledge.rules if field == Field.CATEGORY else None
    # Seconds to minutes: outside any transaction.
    model = train(examples, name=name, rules=rules, foreign=foreign)
    return store(
        model=model,
        trained_from=trained_from,
        use=use,
        by=by,
        field=field,
        trained_until=trained_until,
    )


@transaction.atomic(durable=True)
def store(
    *,
    model: TrainedModel,
    trained_from: str,
    use: bool,
    by: str,
    field: Field | str = Field.CATEGORY,
    trained_until: datetime | None = None,
) -> ClassifierModel:
    """Keep a trained model in the registry; `use` makes it its field's champion at once."""
    row = keep(
        model=model, trained_from=trained_from, by=by, field=field, trained_until=trained_until
    )
    if use:
        crown(row, by, f"Trained from {trained_from}.")
    return row


def keep(
    *,
    model: TrainedModel,
    trained_from: str,
    by: str,
    field: Field | str,
    trained_until: datetime | None,
    challenger: bool = False,
    verdict: dict[str, Any] | None = None,
) -> ClassifierModel:
    """Add a model to the registry in the caller's transaction. A new challenger takes the place of the old one.

    :raises NotPossible: a level's model speaks of other labels than 1, 2 and 3.
    """
    hold(field)
    strange = sorted(set(model.labels) - LEVELS) if field != Field.CATEGORY else []
    if strange:
        raise NotPossible(
            f"A classifier of {field} must say 1, 2 or 3; this one says {', '.join(strange[:5])}."
        )
    if challenger:
        ClassifierModel.objects.filter(field=field, challenger=True).update(challenger=False)
    return ClassifierModel.objects.create(
        name=model.name,
        data=dumps(model),
        # The curve beside them, for whoever shows it must not unpack the model.
        scores={**model.scores, "curve": [[round(n, 4) for n in point] for point in model.curve()]},
        examples=model.scores.get("examples", 0),
        labels=list(model.labels),
        trained_from=trained_from,
        trained_until=trained_until,
        field=field,
        requested_by=by,
        challenger=challenger,
        verdict=verdict or {},
    )


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
    """Let `model` decide its field from now on. Every worker notices with its next chunk.

    :raises NotPossible: its data cannot be read.
    """
    _check_readable(model)
    crown(model, by, why)


@transaction.atomic(durable=True)
def roll_back(*, model: ClassifierModel, by: str) -> ClassifierModel:
    """Take the promotion of `model` back: the one that decided before it decides again, and is returned.

    :raises NotPossible: `model` is not in use, or the one before it is gone.
    """
    hold(model.field)
    last = (
        Promotion.objects.filter(model__field=model.field)
        .select_related("previous")
        .defer("previous__data")
        .order_by("-pk")
        .first()
    )
    if last is None or last.model_id != model.pk:
        raise NotPossible(f"{model} is not in use: there is nothing to take back.")
    if last.previous is None:
        raise NotPossible(f"There is no classifier left that decided before {model}.")
    _check_readable(last.previous)
    crown(last.previous, by, f"Back from {model}.")
    return last.previous


@transaction.atomic(durable=True)
def retire(*, model: ClassifierModel, verdict: dict[str, Any]) -> None:
    """Stop running a challenger in the shadow; it stays in the registry with the verdict on it."""
    ClassifierModel.objects.filter(pk=model.pk, challenger=True).update(
        challenger=False, verdict=verdict
    )


@transaction.atomic  # the admin's form saves inside a transaction of its own
def change_policy(*, policy: FieldPolicy, values: Mapping[str, Any]) -> FieldPolicy:
    """Set a field's target precision, its share of audits, or whether its model is asked at all."""
    for name, value in values.items():
        setattr(policy, name, value)
    policy.save(update_fields=list(values))
    return policy


def _check_readable(model: ClassifierModel) -> None:
    if knowledge.readable(model) is None:
        raise NotPossible(f"The data of {model} cannot be read: train again.")


def crown(model: ClassifierModel, by: str, why: str) -> None:
    """Do the work of `make_champion` in the caller's transaction."""
    hold(model.field)
    of_field = ClassifierModel.objects.filter(field=model.field)
    previous = of_field.only("pk").filter(champion=True).first()
    if previous is not None and previous.pk == model.pk:
        return
    of_field.filter(champion=True).update(champion=False)
    of_field.filter(pk=model.pk).update(champion=True, challenger=False)
    Promotion.objects.create(model=model, previous=previous, by=by, why=why)


def hold(field: Field | str) -> None:
    """Wait for whoever changes which models of a field decide and run in the shadow; others then wait for us."""
    list(FieldPolicy.objects.select_for_update().filter(field=field))


def still_true(field: Field | str, verdict: dict[str, Any]) -> dict[str, Any]:
    """The verdict, which counts only while that one decides that it was reached against. The caller holds the
    field."""
    champion = ClassifierModel.objects.filter(field=field, champion=True).only("name").first()
    if not verdict.get("better") or verdict["against"] == (champion.name if champion else "rules"):
        return verdict
    why = f"Better than {verdict['against']}, which does not decide any more: judge again."
    return {**verdict, "better": False, "why": why}


@transaction.atomic(durable=True)
def forget_old_models(now: datetime) -> int:
    """Remove models that neither decide nor run in the shadow: all but the newest of each field, and those that
    a rollback may need. Returns how many went."""
    for field in Field.values:
        hold(field)
    idle = ClassifierModel.objects.filter(
        champion=False, challenger=False, created_at__lt=now - KEPT_FOR
    ).exclude(trained_from=SHIPPED_FROM)
    lately = Promotion.objects.filter(at__gte=now - KEPT_FOR).values_list("model", "previous")
    needed: set[int | None] = {pk for pair in lately for pk in pair}
    for field in Field.values:
        newest = ClassifierModel.objects.filter(field=field).order_by("-pk")
        needed |= set(newest.values_list("pk", flat=True)[:NEWEST_KEPT])
        last = Promotion.objects.filter(model__field=field).order_by("-pk").first()
        needed |= {last.previous_id} if last else set()
    # Not their data: megabytes each.
    _, gone = idle.exclude(pk__in=[pk for pk in needed if pk]).only("pk").delete()
    return gone.get(ClassifierModel._meta.label, 0)
