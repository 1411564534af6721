"""Trainings as rows of work: asked for, run, judged, promoted or kept in the shadow."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from tests.factories import NOON, item
from tests.triage.learning import in_turn, label_many, open_about, say, text
from tests.triage.llm.fake import wait_until
from tickets.services import open_tickets
from triage import services
from triage.classifier.features import Example
from triage.classifier.storage import loads
from triage.classifier.training import train as train_model
from triage.models import ClassifierModel, FieldPolicy, Promotion, TrainingRun
from triage.services import training
from triage.services.models import crown
from workers import leases
from workers.keeping import kept
from workers.leases import State
from workers.models import DeadLetter
from workers.services import retry_dead_letters

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=30)


def train(field: str = "impact", by: str = "ada") -> TrainingRun:
    run = services.request_training(field=field, requested_by=by)
    services.run_trainings(ids=[run.pk], now=LATER)
    run.refresh_from_db()
    return run


def test_a_training_keeps_a_model_with_its_data_scores_curve_who_and_when() -> None:
    label_many(in_turn("1", "3", times=60), field="impact")

    run = train()

    assert (run.state, run.progress, run.phase) == (State.DONE, 100, "")
    model = run.model
    assert model is not None
    assert (model.field, model.labels, model.examples) == ("impact", ["1", "3"], 120)
    assert (model.requested_by, model.trained_from) == ("ada", training.FROM_TICKETS)
    assert model.trained_until == NOON + timedelta(hours=119)
    report = run.report
    assert (report["labels"], report["by_label"]) == (120, {"1": 60, "3": 60})
    assert (report["by"], report["held_out"]) == ("ada", 36)
    assert report["scores"]["macro_f1"] > 0.9
    assert len(model.scores["curve"]) > 5


def test_below_50_labels_the_field_stays_with_what_it_has() -> None:
    label_many(in_turn("network", "billing", times=20), field="category")
    shipped = ClassifierModel.objects.get(champion=True)

    run = train("category")

    assert (run.state, run.model) == (State.DONE, None)
    assert "Only 40 labelled tickets" in run.message
    assert f"{shipped.name} goes on deciding." in run.message


def test_categories_that_nobody_has_confirmed_yet_are_learnt_from_shipped_tickets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipped = [Example(text("hardware", n), "", "hardware") for n in range(20)]
    shipped += [Example(text("network", n), "", "network") for n in range(20)]
    shipped += [Example(text("1", n), "", "a category that the desk deleted") for n in range(20)]
    monkeypatch.setattr(training, "load_corpus", lambda **_: shipped)
    label_many(in_turn("network", "billing", times=40), field="category")

    run = train("category")

    assert run.model is not None
    assert run.model.labels == ["billing", "hardware", "network"]
    assert run.report["shipped"] == {"beside": 20, "instead": 20}
    model = loads(bytes(run.model.data))
    assert model.predict([(text("hardware", 99), "")])[0].label == "hardware"


def test_one_value_for_nearly_all_is_nothing_to_learn_from() -> None:
    label_many(["1"] * 95 + ["3"] * 5, field="impact")

    run = train()

    assert run.model is None
    assert "Rules go on deciding." in run.message
    assert "95%" in run.message.replace(" ", "")


def test_a_better_model_decides_at_once_and_the_promotion_says_why_and_who() -> None:
    # The words of these tickets mean nothing to the rules.
    label_many(in_turn("1", "3", times=180), field="impact")

    run = train()

    assert run.model is not None
    assert run.model.champion
    promotion = Promotion.objects.get(model=run.model)
    assert promotion.by == "ada"
    assert promotion.why == run.message == run.report["verdict"]["why"]
    assert run.report["verdict"]["judged"] == 108


def test_80_labels_of_a_desk_are_enough_for_what_is_clearly_better() -> None:
    label_many(in_turn("1", "3", times=40), field="impact")

    run = train()

    assert run.model is not None
    assert run.model.champion
    verdict = run.report["verdict"]
    # Two of them are near-copies by chance.
    assert (verdict["on"], verdict["judged"], verdict["against"]) == ("folds", 79, "rules")
    assert "Judged on 79 of the desk's own tickets" in Promotion.objects.get(model=run.model).why


def test_where_no_confidence_is_high_enough_the_promotion_says_that_people_look_at_each() -> None:
    chance = random.Random(1)
    told = in_turn("1", "3", times=40)
    tickets = label_many(told, field="impact")
    for number in chance.sample(range(80), 12):  # people err, too
        say(tickets[number], "2", field="impact", at=NOON + timedelta(days=9))

    run = train()

    assert run.model is not None
    assert run.model.champion, run.message
    assert run.model.scores["automatic"] == 0.0
    assert run.message.endswith(training.ALL_LOOKED_AT)


@pytest.mark.parametrize("seed", range(4))
def test_labels_without_a_reason_promote_nothing(seed: int) -> None:
    chance = random.Random(seed)
    tickets = open_about(in_turn("1", "3", times=40))
    for ticket in tickets:
        say(ticket, chance.choice("123"), field="impact")

    run = train()

    assert run.model is not None
    assert run.model.challenger
    assert "runs in the shadow" in run.message


def test_a_label_of_two_tickets_is_neither_learnt_nor_judged() -> None:
    label_many([*in_turn("1", "3", times=40), "2", "2"], field="impact")

    run = train()

    assert run.model is not None
    assert run.model.labels == ["1", "3"]
    assert run.report["verdict"]["judged"] == 79


def test_copies_of_one_alert_are_one_ticket_to_judge_on() -> None:
    alerts = [item(title="Disk of the mail server is nearly full", at=NOON) for _ in range(60)]
    copies = [found.ticket for found in open_tickets(items=alerts, actor="test", now=NOON)]
    for copy in copies:
        assert copy is not None
        say(copy, "1", field="impact")
    label_many(["3"] * 20, field="impact")

    run = train()

    assert run.model is not None
    assert run.model.challenger
    assert run.report["verdict"]["on"] == "later"


def test_a_champion_of_the_desks_own_is_not_judged_on_what_it_has_learnt_from() -> None:
    label_many(in_turn("1", "3", times=40), field="impact")
    champion = train().model
    label_many(in_turn("1", "3", times=35), field="impact", at=NOON + timedelta(days=40), first=500)

    run = train()

    assert champion is not None
    verdict = run.report["verdict"]
    assert (verdict["on"], verdict["judged"]) == ("folds", 70)
    assert verdict["against"] == champion.name


def test_with_too_few_labels_that_the_champion_has_not_seen_it_runs_in_the_shadow() -> None:
    label_many(in_turn("1", "3", times=40), field="impact")
    train()
    label_many(in_turn("1", "3", times=10), field="impact", at=NOON + timedelta(days=40), first=500)

    run = train()

    assert run.model is not None
    assert (run.model.champion, run.model.challenger) == (False, True)
    assert "runs in the shadow" in run.message


def test_a_new_challenger_takes_the_place_of_the_old_one() -> None:
    label_many(in_turn("1", "3", times=40), field="impact")
    first, second = train().model, train().model

    assert first is not None
    assert second is not None
    assert list(ClassifierModel.objects.filter(challenger=True)) == [second]


def test_the_champion_is_judged_on_labels_that_it_cannot_have_learnt_from() -> None:
    label_many(in_turn("1", "3", times=180), field="impact")
    champion = train().model
    label_many(in_turn("1", "3", times=10), field="impact", at=NOON + timedelta(days=40), first=500)

    run = train()

    assert champion is not None
    assert (run.report["held_out"], run.report["verdict"]["against"]) == (20, champion.name)
    assert ClassifierModel.objects.get(field="impact", champion=True) == champion


def test_while_a_training_waits_asking_again_is_the_same_training() -> None:
    first = services.request_training(field="impact", requested_by="ada")
    again = services.request_training(field="impact", requested_by="bob")
    other = services.request_training(field="urgency", requested_by="bob")

    assert first == again != other


def test_the_database_refuses_a_second_training_of_a_field() -> None:
    services.request_training(field="impact", requested_by="ada")

    with pytest.raises(IntegrityError):
        TrainingRun.objects.create(field="impact", requested_by="bob")


def test_the_same_message_three_times_makes_one_model() -> None:
    label_many(in_turn("1", "3", times=30), field="impact")
    run = services.request_training(field="impact", requested_by="ada")

    done = [services.run_trainings(ids=[run.pk], now=LATER) for _ in range(3)]

    assert done == [1, 0, 0]
    assert ClassifierModel.objects.filter(field="impact").count() == 1


def lose_the_lease(run: TrainingRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE triage_trainingrun SET lease_until = now() - interval '1 s',"
            " nudge_at = now() - interval '1 s' WHERE id = %s",
            [run.pk],
        )


def test_a_worker_that_comes_back_late_keeps_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    label_many(in_turn("1", "3", times=30), field="impact")
    run = services.request_training(field="impact", requested_by="ada")
    before = training._train

    def slowly(*given: Any) -> Any:
        outcome = before(*given)
        lose_the_lease(run)
        leases.claim(TrainingRun, [run.pk], lease=timedelta(seconds=60))  # another worker
        return outcome

    monkeypatch.setattr(training, "_train", slowly)

    assert services.run_trainings(ids=[run.pk], now=LATER) == 0
    assert not ClassifierModel.objects.filter(field="impact").exists()


def test_a_training_that_was_taken_over_stops_at_its_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = services.request_training(field="impact", requested_by="ada")

    def taken(*_: Any) -> list[Any]:
        TrainingRun.objects.update(state=State.PENDING, lease_token=None, lease_until=None)
        return []

    monkeypatch.setattr(training, "labels", taken)
    monkeypatch.setattr(training, "suitability", lambda _: "")

    assert services.run_trainings(ids=[run.pk], now=LATER) == 0
    run.refresh_from_db()
    assert (run.state, run.error) == (State.PENDING, "")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def boom(*_: Any) -> Any:
        raise RuntimeError("boom")

    monkeypatch.setattr(training, "_train", boom)
    return monkeypatch.undo


def test_a_poison_training_ends_as_a_dead_letter_that_can_be_retried(
    broken: Callable[[], None],
) -> None:
    run = services.request_training(field="impact", requested_by="ada")
    for _ in range(4):
        services.run_trainings(ids=[run.pk], now=LATER)

    run.refresh_from_db()
    letter = DeadLetter.objects.get()
    assert (run.state, run.attempts, run.error) == (State.FAILED, 3, "RuntimeError: boom")
    assert (letter.subject, letter.reason) == (str(run), run.error)
    broken()
    retry_dead_letters(letters=[letter], actor="ada", now=LATER)
    assert services.run_trainings(ids=[run.pk], now=LATER) == 1


def test_a_newer_training_closes_the_dead_letter_of_the_old_one(
    broken: Callable[[], None],
) -> None:
    run = services.request_training(field="impact", requested_by="ada")
    for _ in range(3):
        services.run_trainings(ids=[run.pk], now=LATER)

    newer = services.request_training(field="impact", requested_by="bob")

    assert newer != run
    assert DeadLetter.objects.get().settled_by == "bob"


def test_the_sweep_finds_a_training_whose_worker_died() -> None:
    run = services.request_training(field="impact", requested_by="ada")
    leases.claim(TrainingRun, [run.pk], lease=timedelta(seconds=60))
    lose_the_lease(run)

    assert services.requeue_stale_trainings() == 1
    assert services.run_trainings(ids=[run.pk], now=LATER) == 1


def test_a_renewed_lease_holds_and_a_lost_one_does_not() -> None:
    run = services.request_training(field="impact", requested_by="ada")
    held = leases.claim(TrainingRun, [run.pk], lease=timedelta(seconds=1))

    assert leases.renew(TrainingRun, held, lease=timedelta(minutes=5))
    run.refresh_from_db()
    assert run.lease_until > datetime.now(UTC) + timedelta(minutes=4)
    lose_the_lease(run)
    leases.claim(TrainingRun, [run.pk], lease=timedelta(seconds=60))
    assert not leases.renew(TrainingRun, held, lease=timedelta(minutes=5))


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_goes_on() -> None:
    run = services.request_training(field="impact", requested_by="ada")
    lease = timedelta(seconds=3)
    held = leases.claim(TrainingRun, [run.pk], lease=lease)
    run.refresh_from_db()

    with kept(TrainingRun, held, lease=lease):
        wait_until(lambda: TrainingRun.objects.filter(lease_until__gt=run.lease_until).exists(), 20)

    assert leases.finish(TrainingRun, held, [run.pk]) == {run.pk}


def test_the_schedule_trains_a_field_with_20_new_labels_and_no_other() -> None:
    label_many(in_turn("1", "3", times=30), field="impact")
    label_many(in_turn("1", "3", times=9), field="urgency", first=100)

    assert training.request_due_trainings() == 1

    run = TrainingRun.objects.get()
    assert (run.field, run.requested_by) == ("impact", "schedule")


def test_the_schedule_does_not_train_again_until_20_more_labels_came() -> None:
    label_many(in_turn("1", "3", times=30), field="impact")
    train()
    label_many(["1"] * 19, field="impact", at=NOON + timedelta(days=40), first=200)
    assert training.request_due_trainings() == 0

    label_many(["3"], field="impact", at=NOON + timedelta(days=50), first=300)

    assert training.request_due_trainings() == 1


def test_labels_that_carry_no_model_are_not_tried_again_every_day() -> None:
    label_many(["1"] * 60, field="impact")
    assert train().model is None

    assert training.request_due_trainings() == 0


def test_a_rollback_brings_the_one_before_back_and_says_so() -> None:
    label_many(in_turn("1", "3", times=180), field="impact")
    first, second = train().model, train().model
    assert first is not None
    assert second is not None
    services.make_champion(model=second, by="ada")

    back = services.roll_back(model=second, by="bob")

    assert back == first == ClassifierModel.objects.get(field="impact", champion=True)
    promotion = Promotion.objects.latest("pk")
    assert (promotion.model, promotion.previous, promotion.by) == (first, second, "bob")


def test_a_training_does_not_take_the_place_of_one_that_it_was_not_judged_against(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    label_many(in_turn("1", "3", times=180), field="impact")
    judge = training.judge_later

    def meanwhile(*given: Any) -> Any:
        verdict = judge(*given)
        services.make_champion(model=idle_model("chosen"), by="ada")
        return verdict

    monkeypatch.setattr(training, "judge_later", meanwhile)

    run = train()

    assert run.model is not None
    assert (run.model.champion, run.model.challenger) == (False, True)
    assert run.model.verdict["better"] is False
    assert "does not decide any more" in run.message
    assert ClassifierModel.objects.get(field="impact", champion=True).name == "chosen"


def idle_model(name: str, field: str = "impact") -> ClassifierModel:
    model = train_model([Example(text(w, n), "", w) for w in "13" for n in range(30)], name=name)
    return services.store(model=model, trained_from="a file", use=False, by="ada", field=field)


@pytest.mark.django_db(transaction=True)
def test_of_two_promotions_at_once_the_second_can_be_taken_back_to_the_first() -> None:
    FieldPolicy.objects.get_or_create(field="impact")
    old, one, other = (idle_model(name) for name in ("old", "one", "other"))
    services.make_champion(model=old, by="ada")
    second = threading.Thread(target=promote, args=(other,))

    with transaction.atomic():
        crown(one, "ada", "")
        second.start()
        wait_until(is_waiting, 10)
    second.join(10)

    promotions = Promotion.objects.filter(model__field="impact").order_by("pk")
    names = promotions.values_list("model__name", "previous__name")
    assert list(names) == [("old", None), ("one", "old"), ("other", "one")]


def promote(model: ClassifierModel) -> None:
    try:
        services.make_champion(model=model, by="bob")
    finally:
        connection.close()


def is_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_what_is_not_in_use_cannot_be_taken_back() -> None:
    shipped = ClassifierModel.objects.get(champion=True)

    with pytest.raises(services.NotPossible, match="no classifier left"):
        services.roll_back(model=shipped, by="bob")


def test_old_models_go_but_none_that_decides_or_may_have_to_come_back() -> None:
    label_many(in_turn("1", "3", times=180), field="impact")
    first, second = train().model, train().model
    assert first is not None
    assert second is not None
    services.make_champion(model=second, by="ada")
    about = {"field": "impact", "data": b"", "examples": 0, "labels": [], "trained_from": "a file"}
    idle = [ClassifierModel.objects.create(name=f"idle {n}", **about) for n in range(14)]

    gone = services.forget_old_models(datetime.now(UTC) + timedelta(days=200))

    assert gone == 4
    kept = set(ClassifierModel.objects.filter(field="impact").values_list("pk", flat=True))
    assert {first.pk, second.pk, *(row.pk for row in idle[-10:])} == kept
