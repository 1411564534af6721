"""Challengers look at live tickets without deciding, and are judged by what people confirmed."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import NOON, make_ticket
from tests.triage.learning import in_turn, judge_later_only, label_many, open_about, say, text
from tickets.services.changing import delete_tickets
from triage import services
from triage.classifier.comparison import Verdict
from triage.classifier.features import Example
from triage.classifier.training import train
from triage.models import ClassifierModel, Promotion, ShadowPrediction, TriageDecision
from triage.services import shadow, training

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=30)
LONG_AFTER = NOON + timedelta(days=60)


@pytest.fixture(autouse=True)
def nothing_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small models train in no time."""
    monkeypatch.setattr(training, "load_corpus", lambda **_: [])
    judge_later_only(monkeypatch)


@pytest.fixture
def challenger(db: None) -> ClassifierModel:
    """A challenger for categories that knows network from billing."""
    label_many(in_turn("network", "billing", times=40), field="category")
    run = services.request_training(field="category", requested_by="schedule")
    services.run_trainings(ids=[run.pk], now=LATER)
    return ClassifierModel.objects.get(challenger=True)


def test_a_challenger_looks_at_new_decisions_and_decides_nothing(
    challenger: ClassifierModel, triage_all: Any
) -> None:
    [ticket] = open_about(["billing"], first=900)
    triage_all()
    decision = TriageDecision.objects.get(ticket=ticket)

    assert services.run_shadow() > 0

    seen = ShadowPrediction.objects.get(decision=decision)
    ticket.refresh_from_db()
    assert (seen.ticket_id, seen.model, seen.label) == (ticket.pk, challenger, "billing")
    assert (seen.champion_label, seen.champion_band) == (decision.category, decision.band)
    assert seen.confidence > 0.5
    assert TriageDecision.objects.filter(ticket=ticket).count() == 1


def test_the_same_decision_is_looked_at_once(challenger: ClassifierModel, triage_all: Any) -> None:
    triage_all()

    assert services.run_shadow() == 80
    assert services.run_shadow() == 0
    open_about(["network"], first=900)
    triage_all()
    assert services.run_shadow() == 1


def test_what_a_person_decided_is_no_answer_of_the_champion(
    challenger: ClassifierModel, triage_all: Any
) -> None:
    triage_all()
    services.run_shadow()
    make_ticket(category="network")
    triage_all()

    assert services.run_shadow() == 0


def test_a_flood_of_tickets_is_sampled_and_written_with_one_statement(
    challenger: ClassifierModel, triage_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "LOOKED_AT", 20)
    triage_all()

    with CaptureQueriesContext(connection) as captured:
        assert services.run_shadow() == 20

    inserts = [q for q in captured.captured_queries if q["sql"].startswith("INSERT")]
    assert len(inserts) == 1
    assert services.run_shadow() == 0  # it does not catch up: the newest say enough


def test_without_a_challenger_nothing_is_done(triage_all: Any) -> None:
    make_ticket()
    triage_all()

    assert services.run_shadow() == 0


def test_a_challenger_that_cannot_be_read_is_passed_over(
    challenger: ClassifierModel, triage_all: Any
) -> None:
    ClassifierModel.objects.filter(pk=challenger.pk).update(data=b"damaged")
    triage_all()

    assert services.run_shadow() == 0
    assert services.judge(field="category", by="ada", now=LONG_AFTER) is None


def test_the_summary_says_how_often_they_agree_and_who_was_right(
    challenger: ClassifierModel, triage_all: Any
) -> None:
    triage_all()
    services.run_shadow()

    found = services.summarize(challenger)

    assert (found.looked_at, found.confirmed) == (80, 80)
    assert found.challenger_right > 70
    assert 0 <= found.agreed <= 80
    assert sum(found.bands.values()) == pytest.approx(1.0)


def test_below_100_later_labels_nobody_is_judged(challenger: ClassifierModel) -> None:
    told = services.judge(field="category", by="ada", now=LONG_AFTER)

    challenger.refresh_from_db()
    assert told is not None
    assert not told["better"]
    assert (challenger.challenger, challenger.verdict["judged"]) == (True, 0)


def test_a_judgement_on_folds_stays_until_there_are_later_labels(
    challenger: ClassifierModel,
) -> None:
    champion = ClassifierModel.objects.get(field="category", champion=True)
    on_folds = {"on": "folds", "against": champion.name, "better": False, "why": "Judged on 60."}
    ClassifierModel.objects.filter(pk=challenger.pk).update(verdict=on_folds)

    services.judge(field="category", by="ada", now=LONG_AFTER)

    challenger.refresh_from_db()
    assert challenger.verdict == on_folds


def confirm_later(labels: list[str]) -> None:
    label_many(labels, field="category", at=LATER, first=2_000)


def test_a_challenger_that_is_better_on_later_labels_becomes_the_champion(
    challenger: ClassifierModel,
) -> None:
    # To the shipped model hardware is hardware; this desk calls it network.
    tickets = label_many(["hardware"] * 60, field="impact", at=LATER, first=2_000)
    for ticket in tickets:
        say(ticket, "network", at=LATER)
    confirm_later(in_turn("network", "billing", times=40))
    worse = ClassifierModel.objects.get(champion=True)

    told = services.judge(field="category", by="schedule", now=LONG_AFTER)

    challenger.refresh_from_db()
    assert told is not None
    assert told["judged"] == 140
    assert challenger.champion is told["better"] is True, told["why"]
    promotion = Promotion.objects.latest("pk")
    assert (promotion.model, promotion.previous, promotion.by) == (challenger, worse, "schedule")
    assert promotion.why == told["why"]


def test_a_verdict_on_a_classifier_that_decides_no_more_promotes_nobody(
    challenger: ClassifierModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirm_later(in_turn("network", "billing", times=60))
    other = services.store(
        model=train(
            [Example(text(w, n), "", w) for w in ("network", "billing") for n in range(9)],
            name="other",
        ),
        trained_from="a file",
        use=False,
        by="ada",
    )

    def meanwhile(*_: Any) -> Verdict:
        services.make_champion(model=other, by="ada")
        return Verdict(0.1, 0.9, 0.7, 0.9, (), True, "Better by far.")

    monkeypatch.setattr(shadow, "against", meanwhile)

    told = services.judge(field="category", by="schedule", now=LONG_AFTER)

    challenger.refresh_from_db()
    assert told is not None
    assert told["better"] is challenger.champion is False
    assert "does not decide any more" in challenger.verdict["why"]
    assert ClassifierModel.objects.get(champion=True, field="category") == other


def test_a_challenger_that_is_surely_worse_goes() -> None:
    confused = {"network": "billing", "billing": "network"}
    examples = [
        Example(text(label, number), "", confused[label])
        for label in confused
        for number in range(30)
    ]
    worse = services.store(
        model=train(examples, name="confused"), trained_from="a file", use=False, by="ada"
    )
    ClassifierModel.objects.filter(pk=worse.pk).update(challenger=True)
    confirm_later(in_turn("network", "billing", times=60))

    told = services.judge(field="category", by="schedule", now=LONG_AFTER)

    worse.refresh_from_db()
    assert told is not None
    assert told["high"] < 0
    assert (worse.champion, worse.challenger) == (False, False)
    assert worse.verdict == told


def test_a_field_without_a_challenger_has_nothing_to_judge() -> None:
    assert services.judge(field="impact", by="ada", now=LONG_AFTER) is None


def test_what_is_due_each_day_is_done_in_one_go(challenger: ClassifierModel) -> None:
    label_many(["network"] * 20, field="category", at=LATER, first=3_000)

    assert services.learn(now=LONG_AFTER) == 1


def test_shadows_are_kept_for_challengers_and_only_the_newest(
    challenger: ClassifierModel, triage_all: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "KEPT", 30)
    triage_all()
    services.run_shadow()
    newest = ShadowPrediction.objects.latest("pk")

    assert services.forget_old_shadows(LATER) == 50
    assert ShadowPrediction.objects.count() == 30
    assert ShadowPrediction.objects.latest("pk") == newest

    ClassifierModel.objects.update(challenger=False)
    assert services.forget_old_shadows(LATER) == 30


def test_deleting_a_ticket_takes_its_shadows_with_it(
    challenger: ClassifierModel, triage_all: Any
) -> None:
    triage_all()
    services.run_shadow()
    gone = ShadowPrediction.objects.latest("pk").ticket_id

    delete_tickets(ids=[gone], actor="ana", now=NOON)

    assert not ShadowPrediction.objects.filter(ticket_id=gone).exists()
