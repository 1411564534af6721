from dataclasses import replace

import pytest

from tickets.models import Category
from triage.classifier.dataset import fingerprint, load_corpus
from triage.classifier.evaluation import evaluate
from triage.classifier.features import Example
from triage.classifier.storage import SHIPPED, loads
from triage.classifier.thresholds import TARGET_PRECISION, stricter, thresholds_of
from triage.defaults import category_rules
from triage.models import ClassifierModel
from triage.pool import pooled
from triage.rules import TicketText, votes_of
from triage.services import install_shipped, make_champion, train_classifier
from triage.services.models import SHIPPED_FROM


def test_it_was_trained_from_the_corpus_as_it_is() -> None:
    shipped = loads(SHIPPED.read_bytes())

    assert shipped.scores["fingerprint"] == fingerprint(load_corpus(held_out=False)), "make model"


def test_it_was_not_shown_what_the_demo_shows() -> None:
    seen = {example.text for example in load_corpus(held_out=False)}

    assert not seen & {example.text for example in load_corpus(held_out=True)}


@pytest.mark.django_db
def test_it_knows_every_category_and_nothing_else() -> None:
    assert set(loads(SHIPPED.read_bytes()).labels) == set(
        Category.objects.values_list("slug", flat=True)
    )


def test_it_acts_alone_less_readily_than_a_model_that_was_judged_on_a_desks_own_tickets() -> None:
    shipped = loads(SHIPPED.read_bytes())
    at_home = replace(shipped, foreign=False)

    assert shipped.foreign
    for target in (0.8, 0.9):
        assert sum(shipped.thresholds(target).values()) > sum(at_home.thresholds(target).values())
    assert shipped.thresholds() == thresholds_of(
        shipped.outcomes, shipped.labels, target=stricter(TARGET_PRECISION)
    )


def test_its_scores_hold_on_tickets_that_it_has_not_seen() -> None:
    shipped, unseen = loads(SHIPPED.read_bytes()), load_corpus(held_out=True)
    rules, guesses = category_rules(), shipped.predict([ticket.text for ticket in unseen])
    together = [
        pooled(guess, votes_of(rules.match(TicketText(*ticket.text))), shipped.rule_weight)
        for guess, ticket in zip(guesses, unseen, strict=True)
    ]

    found = evaluate(together, [ticket.label for ticket in unseen])

    assert found.macro_f1 == pytest.approx(shipped.scores["macro_f1"], abs=0.08)
    assert found.calibration_error < 0.1


@pytest.mark.django_db
def test_a_new_desk_uses_it() -> None:
    ClassifierModel.objects.all().delete()

    install_shipped()
    install_shipped()

    [row] = ClassifierModel.objects.all()
    assert (row.champion, row.trained_from) == (True, SHIPPED_FROM)


@pytest.mark.django_db
def test_a_newer_one_replaces_an_older_one_but_not_the_desks_own() -> None:
    ClassifierModel.objects.all().delete()
    install_shipped()
    ClassifierModel.objects.update(name="shipped before")
    install_shipped()
    [row] = ClassifierModel.objects.all()
    assert (row.champion, row.name) == (True, loads(SHIPPED.read_bytes()).name)

    examples = [Example(word, "", word) for word in ("vpn", "chair") for _ in range(6)]
    own = train_classifier(examples=examples, name="own", trained_from="file", use=False, by="ada")
    make_champion(model=own, by="ada")
    row.delete()
    install_shipped()

    assert ClassifierModel.objects.get(champion=True) == own
    assert ClassifierModel.objects.count() == 2
