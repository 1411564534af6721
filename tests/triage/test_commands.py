"""The classifier's commands, as an operator types them."""

import csv
import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.factories import NOON
from tests.triage.learning import in_turn, label_many, text
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


def test_training_from_the_desks_tickets_remembers_how_far_it_has_seen() -> None:
    label_many(in_turn("1", "3", times=30), field="urgency")

    say("train_classifier", "--label", "urgency")

    champion = ClassifierModel.objects.get(field="urgency", champion=True)
    assert (champion.labels, champion.trained_from) == (["1", "3"], "the desk's tickets")
    assert champion.trained_until is not None


def test_a_level_can_only_be_1_2_or_3(labelled: Path) -> None:
    text = labelled.read_text().replace("category", "impact")
    labelled.write_text(text)

    with pytest.raises(CommandError, match="must say 1, 2 or 3; this one says money, net"):
        say("train_classifier", str(labelled), "--label", "impact")


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


def test_every_engine_stands_in_one_table_with_its_speed(labelled: Path, tmp_path: Path) -> None:
    say("train_classifier", str(labelled), "--to", str(tmp_path / "other.zip"))
    say("train_classifier", str(labelled), "--name", "idle one", "--keep-old")
    ClassifierModel.objects.filter(name="idle one").update(challenger=True)
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"network": "net", "billing": "money"}))
    common = ["evaluate_classifier", str(labelled), "--zip", str(tmp_path / "other.zip")]

    said = say(*common, "--model", "idle one", "--mapping", str(mapping))

    table = said[said.index("engine ") :]
    names = [line.split("  ")[0] for line in table.splitlines()[1:]]
    champion = ClassifierModel.objects.get(champion=True).name
    assert names == [
        *("idle one", "other.zip", f"champion {champion}", "challenger idle one", "rules"),
    ]
    assert "documents/s" in table.splitlines()[0]
    assert said.startswith("idle one:")  # what was asked for comes first, class by class


def test_engines_that_speak_of_other_labels_are_named_not_judged(labelled: Path) -> None:
    said = say("evaluate_classifier", str(labelled), "--train", str(labelled))

    assert said.startswith("trained on labelled.csv:")
    assert "rules speaks of other labels (see --mapping)." in said


def test_levels_are_judged_by_their_own_column(tmp_path: Path) -> None:
    path = tmp_path / "levels.csv"
    rows = [f"{text(level, n)},{level}" for level in ("1", "3") for n in range(30)]
    path.write_text("\n".join(["title,urgency", *rows]))
    command = ["evaluate_classifier", str(path), "--train", str(path), "--label", "urgency"]

    report = json.loads(say(*command, "--json"))

    assert set(report["labels"]) == {"1", "3"}
    assert set(report["engines"]) == {"trained on levels.csv", "rules"}


def test_the_desks_own_tickets_judge_only_models_that_have_not_seen_them() -> None:
    label_many(in_turn("network", "billing", times=20), field="category")
    seen = label_many(["hardware"] * 5, field="category", first=100, at=NOON - timedelta(days=9))
    ClassifierModel.objects.filter(champion=True).update(trained_until=NOON - timedelta(days=1))

    report = json.loads(say("evaluate_classifier", "--tickets", "--json"))

    assert len(seen) == 5
    assert set(report["labels"]) >= {"network", "billing"}
    assert sum(label["support"] for label in report["labels"].values()) == 40


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["evaluate_classifier"], "Name a FILE"),
        (["evaluate_classifier", "/nowhere.csv"], "There is no file /nowhere.csv"),
        (["train_classifier", "/nowhere.csv"], "There is no file /nowhere.csv"),
        (["evaluate_classifier", "--corpus", "--model", "x"], "There is no classifier 'x'"),
        (["evaluate_classifier", "--corpus", "--zip", "/no.zip"], "There is no file /no.zip"),
        (["evaluate_classifier", "--tickets"], "No category was confirmed"),
        (["evaluate_classifier", "--corpus", "--mapping", "/no.json"], "cannot be read"),
        (["train_classifier"], "At least two labels"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(command: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        say(*command)


@pytest.mark.parametrize(
    ("content", "more", "told"),
    [
        (b'{"title": "a", "category": "x"}\n{"title"\n', (), "cannot be read"),
        (b'{"title": "a", "category": "x"}\n[1]\n', (), "cannot be read"),
        (b"\x1f\x8b\x08\x00 no more", (), "cannot be read"),
        (b"title,category\na," + b"x" * 51, (), "The label 'x.* more than 50 characters"),
        (b"title,category\na,x", ("--name", "n" * 81), "The name 'n.* more than 80"),
        (b"title,category\na,x", ("--to", "/nowhere/at/all.zip"), "no directory /nowhere/at"),
    ],
)
def test_what_cannot_be_learnt_or_kept_is_told_before_the_training(
    tmp_path: Path, content: bytes, more: tuple[str, ...], told: str
) -> None:
    path = tmp_path / "labelled"
    path.write_bytes(content)

    with pytest.raises(CommandError, match=told):
        say("train_classifier", str(path), *more)


def test_a_file_with_a_long_name_gives_its_classifier_a_shorter_one(labelled: Path) -> None:
    path = labelled.rename(labelled.with_name("n" * 120 + ".csv"))

    say("train_classifier", str(path))

    assert ClassifierModel.objects.get(champion=True).name.startswith("n" * 60)


def test_a_file_without_labels_names_the_columns_it_has(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("subject,body\na,b\n")

    with pytest.raises(CommandError, match="subject"):
        say("evaluate_classifier", str(path))
