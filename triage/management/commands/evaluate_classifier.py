"""manage.py evaluate_classifier FILE: how good are categories, on tickets whose answer is known."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from triage import knowledge
from triage.classifier.dataset import NotLabelled, read_examples
from triage.classifier.evaluation import Report, evaluate
from triage.classifier.features import Example
from triage.classifier.model import Prediction, TrainedModel
from triage.classifier.storage import loads
from triage.classifier.training import TooFewExamples, train
from triage.models import ClassifierModel


class Command(BaseCommand):
    help = (
        "Print precision, recall, support per class, macro-F1, calibration error, and what can be routed "
        "automatically at 95 %% precision. Judges the classifier in use or, with --train, a new one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--label", default="category", help="Column with the right answer")
        parser.add_argument(
            "--train", type=Path, help="Train on this file first; nothing is stored"
        )
        parser.add_argument("--model", help="Name of a stored classifier (default: the one in use)")
        parser.add_argument("--mapping", type=Path, help='JSON {"our category": "their label"}')
        parser.add_argument("--json", action="store_true", help="Print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        examples = self._read(options["file"], options["label"])
        model = self._model(options)
        predictions = model.predict([example.text for example in examples], explain=False)
        if options["mapping"]:
            mapping = json.loads(options["mapping"].read_text())
            predictions = [
                Prediction(mapping.get(p.label, p.label), p.confidence, p.alternatives, p.words)
                for p in predictions
            ]
        threshold = min(model.auto_thresholds.values())
        report: Report = evaluate(
            predictions, [example.label for example in examples], threshold=threshold
        )
        self.stdout.write(
            json.dumps(report.as_dict(), indent=2) if options["json"] else report.as_text()
        )

    def _read(self, path: Path, label: str) -> list[Example]:
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            examples = read_examples(path, label=label)
        except NotLabelled as error:
            raise CommandError(str(error)) from None
        if not examples:
            raise CommandError(f"{path} holds no labelled ticket.")
        return examples

    def _model(self, options: dict[str, Any]) -> TrainedModel:
        if options["train"]:
            try:
                return train(self._read(options["train"], options["label"]))
            except TooFewExamples as error:
                raise CommandError(str(error)) from None
        if options["model"]:
            row = ClassifierModel.objects.filter(name=options["model"]).first()
            if row is None:
                raise CommandError(f"There is no classifier {options['model']!r}.")
            return loads(bytes(row.data))
        model = knowledge.current().model
        if model is None:
            raise CommandError(
                "No classifier is in use. Train one: manage.py train_classifier --corpus"
            )
        return model
