"""The registry, trainings, drift and policies through the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from tests.conftest import client_for
from tests.factories import NOON
from tests.triage.learning import in_turn, judge_later_only, label_many
from triage import services
from triage.models import ClassifierModel, DriftDay, FieldPolicy, Promotion, TrainingRun

pytestmark = pytest.mark.django_db
API = "/api/v1"


@pytest.fixture
def admin(admin_person: User) -> APIClient:
    return client_for(admin_person)


@pytest.fixture
def trained(db: None, monkeypatch: pytest.MonkeyPatch) -> TrainingRun:
    judge_later_only(monkeypatch)
    label_many(in_turn("1", "3", times=60), field="impact")
    run = services.request_training(field="impact", requested_by="ada")
    services.run_trainings(ids=[run.pk], now=NOON + timedelta(days=30))
    return run


def test_the_registry_shows_scores_class_by_class_and_the_curve(
    api: APIClient, trained: TrainingRun
) -> None:
    [row] = api.get(f"{API}/models/", {"field": "impact"}).json()["results"]
    assert (row["challenger"], row["requested_by"], row["examples"]) == (True, "ada", 120)
    assert "runs in the shadow" in row["verdict"]["why"]

    detail = api.get(f"{API}/models/{row['id']}/").json()

    assert {score["label"]: score["support"] for score in detail["by_label"]} == {"1": 60, "3": 60}
    assert {"target", "precision", "coverage"} == set(detail["curve"][0])
    assert "labels" not in detail["scores"]
    assert "data" not in detail


def test_a_training_is_asked_for_once_and_can_be_followed(admin: APIClient) -> None:
    first = admin.post(f"{API}/models/train/", {"field": "urgency"}, format="json")
    again = admin.post(f"{API}/models/train/", {"field": "urgency"}, format="json")

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["requested_by"] == "ada"
    run = admin.get(f"{API}/training-runs/{first.json()['id']}/").json()
    assert (run["state"], run["progress"]) == ("pending", 0)
    assert admin.get(f"{API}/training-runs/", {"state": "done"}).json()["results"] == []


def test_an_unknown_field_is_told(admin: APIClient) -> None:
    answer = admin.post(f"{API}/models/train/", {"field": "colour"}, format="json")

    assert answer.status_code == 400
    assert "colour" in str(answer.json()["errors"]["field"])


def test_a_classifier_is_put_into_use_and_taken_back(
    admin: APIClient, trained: TrainingRun
) -> None:
    services.run_trainings(
        ids=[services.request_training(field="impact", requested_by="ada").pk],
        now=NOON + timedelta(days=31),
    )
    first, second = ClassifierModel.objects.filter(field="impact").order_by("pk")
    for model in (first, second):
        assert admin.post(f"{API}/models/{model.pk}/use/").json()["champion"] is True

    back = admin.post(f"{API}/models/{second.pk}/rollback/")

    assert back.json()["id"] == first.pk
    assert Promotion.objects.latest("pk").by == "ada"
    assert admin.post(f"{API}/models/{second.pk}/rollback/").status_code == 409


def test_a_classifier_that_cannot_be_read_is_not_put_into_use(admin: APIClient) -> None:
    broken = ClassifierModel.objects.create(
        name="broken", data=b"x", examples=0, labels=[], trained_from="a file"
    )

    answer = admin.post(f"{API}/models/{broken.pk}/use/")

    assert answer.status_code == 409
    assert "cannot be read" in answer.json()["detail"]


def test_judging_without_a_challenger_says_what_to_do(
    admin: APIClient, trained: TrainingRun
) -> None:
    told = admin.post(f"{API}/models/judge/", {"field": "impact"}, format="json")
    missing = admin.post(f"{API}/models/judge/", {"field": "category"}, format="json")

    assert (told.status_code, told.json()["judged"]) == (200, 0)
    assert missing.status_code == 409
    assert "train one" in missing.json()["detail"]


def test_the_shadow_of_a_challenger_can_be_read(api: APIClient, trained: TrainingRun) -> None:
    model = ClassifierModel.objects.get(challenger=True)

    assert api.get(f"{API}/models/{model.pk}/shadow/").json()["looked_at"] == 0


def test_drift_of_the_last_days_newest_first(api: APIClient) -> None:
    today = datetime.now(UTC).date()
    for back, psi in ((0, 0.3), (1, 0.05), (40, None)):
        DriftDay.objects.create(
            field="category",
            day=today - timedelta(days=back),
            psi_category=psi,
            corrected=1,
            agreed=3,
            measured_at=NOON,
        )

    rows = api.get(f"{API}/models/drift/", {"days": 30}).json()

    assert [row["level"] for row in rows] == ["shifted", "steady"]
    assert rows[0]["override_rate"] == 0.25
    assert api.get(f"{API}/models/drift/", {"days": 0}).status_code == 400


def test_the_dial_shows_what_each_target_would_cost(admin: APIClient) -> None:
    row: dict[str, Any] = admin.patch(
        f"{API}/field-policies/category/",
        {"target_precision": 0.97, "audit_share": 0.05},
        format="json",
    ).json()

    policy = FieldPolicy.objects.get(field="category")
    assert (policy.target_precision, policy.audit_share) == (0.97, 0.05)
    assert [point["target"] for point in row["coverage"]] == [0.8, 0.9, 0.95, 0.97, 0.99]


@pytest.mark.parametrize("value", [0.3, 1.0, "much"])
def test_a_target_out_of_range_is_told(admin: APIClient, value: object) -> None:
    answer = admin.patch(
        f"{API}/field-policies/category/", {"target_precision": value}, format="json"
    )

    assert answer.status_code == 400
    assert "target_precision" in answer.json()["errors"]
