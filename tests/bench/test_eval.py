import json
from collections import Counter
from pathlib import Path

import pytest

from bench import eval as evaluation
from triage.classifier.features import Example
from triage.defaults import DEPARTMENTS, TOPICS


def test_a_third_of_every_label_is_held_out_the_same_each_time() -> None:
    examples = [Example(f"{number}", "", "ab"[number % 4 > 0]) for number in range(400)]

    history, unseen = evaluation.split(examples)

    assert Counter(e.label for e in unseen) == {"a": 30, "b": 90}
    assert not {e.title for e in history} & {e.title for e in unseen}
    assert evaluation.split(examples) == (history, unseen)


def test_a_missing_directory_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["eval", "--data", str(tmp_path / "nowhere")])

    assert evaluation.main() == 2
    assert "SMARTOPS_DATA" in capsys.readouterr().err


def test_every_category_is_mapped_onto_the_sets_that_have_a_mapping() -> None:
    slugs = {topic.slug for topic in TOPICS}

    for name in ("it_topic.json", "nlbse24.json"):
        assert set(json.loads((evaluation.MAPPINGS / name).read_text())) == slugs
    departments = json.loads((evaluation.MAPPINGS / "it_topic_departments.json").read_text())
    assert set(departments.values()) <= set(DEPARTMENTS)


def test_a_set_is_measured_from_rules_to_all_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"bug": "crash error trace", "feature": "please add option", "question": "how do i"}
    rows = [
        json.dumps({"title": f"{words[label]} {n % 7}", "body": "", "category": label})
        for n in range(60)
        for label in words
    ]
    (tmp_path / "dev_nlbse24.csv.gz").write_text("\n".join(rows))
    monkeypatch.setattr("sys.argv", ["eval", "--data", str(tmp_path), "--only", "nlbse24"])

    assert evaluation.main() == 0
    table = capsys.readouterr().out
    assert all(engine in table for engine in ("rules", "shipped", "50 labels", "126 labels (all)"))
