"""Which classifiers decide, and from when they act alone."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import make_ticket
from tickets.models import Category, TriageStatus
from triage import knowledge
from triage.classifier.features import Example
from triage.classifier.model import TrainedModel
from triage.evidence import Evidence, Given
from triage.models import ClassifierModel, Field, FieldPolicy, Rule
from triage.services import make_champion, train_classifier
from triage.services.models import store

pytestmark = pytest.mark.django_db

EXAMPLES = [
    Example(f"{word} {number}", f"the {word} again", word)
    for word in ("vpn", "chair")
    for number in range(40)
]


@pytest.fixture
def own() -> ClassifierModel:
    return train_classifier(examples=EXAMPLES, name="own", trained_from="file", use=True, by="ada")


def test_a_change_of_the_target_precision_counts_from_the_next_chunk_on(
    own: ClassifierModel,
) -> None:
    before = knowledge.current().knowledge.classifiers["category"].thresholds

    FieldPolicy.objects.filter(field="category").update(target_precision=0.999)

    after = knowledge.current().knowledge.classifiers["category"].thresholds
    assert min(after.values()) > max(before.values())


def test_a_field_without_its_model_is_left_to_the_rules(own: ClassifierModel) -> None:
    FieldPolicy.objects.filter(field="category").update(use_model=False)

    assert knowledge.current().models == {}


def test_a_category_that_the_desk_has_no_more_is_no_answer(triage_all: Any) -> None:
    Rule.objects.filter(category__slug="network").delete()
    Category.objects.get(slug="network").delete()

    ticket = make_ticket(title="VPN down for the whole office", description="No VPN for anybody.")
    triage_all()

    ticket.refresh_from_db()
    assert ticket.category is not None
    assert ticket.triage_status == TriageStatus.NEEDS_REVIEW


def test_a_classifier_of_other_categories_altogether_is_not_asked(own: ClassifierModel) -> None:
    [found] = knowledge.current().examine([Given("VPN", "the vpn again", "api", "standard")])

    assert isinstance(found, Evidence)
    assert found.guesses == {}


def test_each_field_has_a_champion_of_its_own(own: ClassifierModel) -> None:
    levels = [Example(e.title, e.description, "1" if e.label == "vpn" else "3") for e in EXAMPLES]
    urgency = train_classifier(
        examples=levels, name="levels", trained_from="file", use=False, by="ada"
    )
    ClassifierModel.objects.filter(pk=urgency.pk).update(field=Field.URGENCY)
    urgency.refresh_from_db()

    make_champion(model=urgency, by="ada")

    loaded = knowledge.current()
    assert {field: model.name for field, model in loaded.models.items()} == {
        "category": "own",
        "urgency": "levels",
    }


def test_a_classifier_that_cannot_be_read_leaves_its_field_to_the_rules(
    own: ClassifierModel,
) -> None:
    ClassifierModel.objects.filter(pk=own.pk).update(data=b"nonsense", name="broken")
    knowledge.current()

    assert knowledge.current().models == {}


def test_a_promotion_says_who_what_and_instead_of_what(own: ClassifierModel) -> None:
    newer = store(model=own_model(own), trained_from="file", use=False, by="ada")

    make_champion(model=newer, by="ada", why="It is better.")

    promotion = newer.promotions.get()
    assert (promotion.previous, promotion.by, promotion.why) == (own, "ada", "It is better.")


def own_model(row: ClassifierModel) -> TrainedModel:
    model = knowledge.readable(row)
    assert model is not None
    return replace(model, name="newer")
