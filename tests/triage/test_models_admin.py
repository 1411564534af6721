"""The registry in the admin: trained, put into use and taken back by a click, by those who may."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from tests.factories import NOON, make_user
from tests.triage.learning import in_turn, judge_later_only, label_many
from triage import services
from triage.models import ClassifierModel, DriftDay, FieldPolicy, Promotion, TrainingRun

pytestmark = pytest.mark.django_db


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role.lower(), role))
    return client


def url(view: str, *args: Any) -> str:
    return reverse(f"admin:triage_{view}", args=args)


def page(client: Client, view: str, *args: Any) -> str:
    answer = client.get(url(view, *args))
    assert answer.status_code == 200
    return str(answer.content.decode())


def told(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


@pytest.fixture
def trained(db: None, monkeypatch: pytest.MonkeyPatch) -> ClassifierModel:
    judge_later_only(monkeypatch)
    label_many(in_turn("1", "3", times=60), field="impact")
    run = services.request_training(field="impact", requested_by="ada")
    services.run_trainings(ids=[run.pk], now=NOON + timedelta(days=30))
    return ClassifierModel.objects.get(challenger=True)


def test_a_model_shows_its_classes_its_curve_and_the_verdict(trained: ClassifierModel) -> None:
    shown = page(signed_in("Viewer"), "classifiermodel_change", trained.pk)

    assert "<svg" in shown
    assert "95 % (set now)" in shown
    assert "runs in the shadow" in shown
    assert "Macro-F1 1.000 on 120 tickets" in shown


def test_a_model_that_was_judged_on_folds_says_so(trained: ClassifierModel) -> None:
    verdict = {"on": "folds", "judged": 85, "against": "rules", "why": "It is better."}
    ClassifierModel.objects.filter(pk=trained.pk).update(verdict=verdict)

    shown = page(signed_in("Viewer"), "classifiermodel_change", trained.pk)

    assert "Against rules, on 85 held-out tickets" in shown


def test_a_training_is_asked_for_by_a_button_and_its_progress_shown() -> None:
    client = signed_in("Admin")

    answer = client.post(url("classifiermodel_train", "category"))

    run = TrainingRun.objects.get()
    assert (run.field, run.requested_by) == ("category", "admin")
    assert "Training" in told(answer)
    assert "waits for a worker" in page(client, "classifiermodel_changelist")


def test_a_challenger_is_put_into_use_and_taken_back_by_clicks(trained: ClassifierModel) -> None:
    client = signed_in("Admin")
    first = ClassifierModel.objects.create(
        name="the first",
        field="impact",
        data=trained.data,
        examples=1,
        labels=["1"],
        trained_from="x",
    )
    services.make_champion(model=first, by="ada")

    client.post(url("classifiermodel_use", trained.pk))
    assert ClassifierModel.objects.get(field="impact", champion=True) == trained
    assert "Back to the first" in page(client, "classifiermodel_change", trained.pk)
    answer = client.post(url("classifiermodel_rollback", trained.pk))

    assert ClassifierModel.objects.get(field="impact", champion=True) == first
    assert "the first decides again" in told(answer)
    assert Promotion.objects.latest("pk").by == "admin"


def test_what_cannot_be_taken_back_is_told_in_a_sentence() -> None:
    shipped = ClassifierModel.objects.get(champion=True)

    answer = signed_in("Admin").post(url("classifiermodel_rollback", shipped.pk))

    assert "no classifier left" in told(answer)


def test_judging_by_a_button_tells_the_verdict(trained: ClassifierModel) -> None:
    client = signed_in("Admin")

    assert "0 confirmed tickets" in told(client.post(url("classifiermodel_judge", "impact")))
    assert "train one" in told(client.post(url("classifiermodel_judge", "urgency")))


@pytest.mark.parametrize("role", ["Viewer", "Agent"])
def test_only_admins_press_the_buttons(role: str, trained: ClassifierModel) -> None:
    client = signed_in(role)

    for press in (
        url("classifiermodel_train", "impact"),
        url("classifiermodel_judge", "impact"),
        url("classifiermodel_use", trained.pk),
        url("classifiermodel_rollback", trained.pk),
        url("driftday_measure"),
    ):
        assert client.post(press).status_code == 403
    assert "Train impact" not in page(client, "classifiermodel_changelist")


def test_a_link_cannot_press_a_button(trained: ClassifierModel) -> None:
    assert signed_in("Admin").get(url("classifiermodel_use", trained.pk)).status_code == 405


def test_an_unknown_field_or_model_is_not_found() -> None:
    client = signed_in("Admin")

    assert client.post(url("classifiermodel_train", "colour")).status_code == 404
    assert client.post(url("classifiermodel_use", 10**9)).status_code == 404


def test_the_dial_shows_what_it_costs_and_is_turned(trained: ClassifierModel) -> None:
    services.make_champion(model=trained, by="ada")
    policy = FieldPolicy.objects.get(field="impact")
    client = signed_in("Admin")
    assert "at 95 %" in page(client, "fieldpolicy_change", policy.pk)

    client.post(
        url("fieldpolicy_change", policy.pk),
        {"target_precision": "0.9", "use_model": "on"},
    )

    policy.refresh_from_db()
    assert policy.target_precision == 0.9


def test_the_share_of_audits_is_set_where_it_counts() -> None:
    client, category = signed_in("Admin"), FieldPolicy.objects.get(field="category")

    values = {"target_precision": "0.95", "use_model": "on", "audit_share": "0.05"}
    client.post(url("fieldpolicy_change", category.pk), values)

    category.refresh_from_db()
    assert category.audit_share == 0.05
    impact = FieldPolicy.objects.get(field="impact")
    assert "audit_share" not in page(client, "fieldpolicy_change", impact.pk)


def test_drift_stands_in_a_list_with_its_level() -> None:
    about = {"field": "category", "decisions": 200, "measured_at": NOON}
    DriftDay.objects.create(day=date(2026, 3, 3), psi_category=0.31, psi_words=0.02, **about)
    DriftDay.objects.create(day=date(2026, 3, 2), **about)

    shown = page(signed_in("Viewer"), "driftday_changelist")

    assert "0.31" in shown
    assert "too few tickets" in shown
    assert "Measure now" not in shown


def test_drift_is_measured_on_demand(triage_all: Any) -> None:
    label_many(["network"], field="category")
    triage_all()

    signed_in("Admin").post(url("driftday_measure"))

    assert DriftDay.objects.get(field="category").day == datetime.now(UTC).date()
