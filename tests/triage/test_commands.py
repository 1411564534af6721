"""The classifier's commands, as an operator types them."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from triage.classifier.storage import loads
from triage.models import ClassifierModel

pytestmark = pytest.mark.django_db

WORDS = {
    "net": ("vpn drops", "wifi slow", "dns fails"),
    "money": ("invoice wrong", "refund late", "card fee"),
}


def say(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["subject", "body", "category"])
        for label, texts in WORDS.items():
            rows.writerows([text, f"since {n} o'clock", label] for text in texts for n in range(6))
    return path


def test_training_from_a_file_puts_the_classifier_into_use(labelled: Path) -> None:
    said = say("train_classifier", str(labelled), "--name", "mine")

    champion = ClassifierModel.objects.get(champion=True)
    assert (champion.name, champion.labels) == ("mine", ["money", "net"])
    assert "36 tickets" in said
    assert "in use" in said


def test_training_may_keep_the_old_one_in_use(labelled: Path) -> None:
    before = ClassifierModel.objects.get(champion=True)

    assert "not in use" in say("train_classifier", str(labelled), "--keep-old")
    assert ClassifierModel.objects.get(champion=True) == before
    assert ClassifierModel.objects.count() == 2


def test_training_to_a_file_touches_no_table(labelled: Path, tmp_path: Path) -> None:
    say("train_classifier", str(labelled), "--to", str(tmp_path / "model.zip"))

    assert loads((tmp_path / "model.zip").read_bytes()).labels == ("money", "net")
    assert ClassifierModel.objects.count() == 1


def test_evaluation_of_a_new_classifier_prints_what_it_may_do_alone(labelled: Path) -> None:
    said = say("evaluate_classifier", str(labelled), "--train", str(labelled), "--json")

    report: dict[str, Any] = json.loads(said)
    assert report["macro_f1"] == 1.0
    assert ClassifierModel.objects.count() == 1


def test_evaluation_of_the_shipped_one_on_what_it_has_not_seen() -> None:
    said = say("evaluate_classifier", "--corpus")

    assert "macro-F1" in said
    assert "calibration error" in said
    assert "can be routed automatically" in said


def test_a_mapping_judges_it_in_the_labels_of_somebody_else(labelled: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"network": "net", "billing": "money", "payment": "money"}))

    report = json.loads(
        say("evaluate_classifier", str(labelled), "--mapping", str(mapping), "--json")
    )

    assert report["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["evaluate_classifier"], "Name a FILE"),
        (["evaluate_classifier", "/nowhere.csv"], "There is no file /nowhere.csv"),
        (["train_classifier", "/nowhere.csv"], "There is no file /nowhere.csv"),
        (["evaluate_classifier", "--corpus", "--model", "x"], "There is no classifier 'x'"),
        (["train_classifier"], "At least two labels"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(command: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        say(*command)


def test_a_file_without_labels_names_the_columns_it_has(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("subject,body\na,b\n")

    with pytest.raises(CommandError, match="subject"):
        say("evaluate_classifier", str(path))
