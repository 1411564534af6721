"""manage.py evaluate_classifier FILE: how good are categories, on tickets whose answer is known."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from triage import knowledge
from triage.classifier.dataset import NotLabelled, load_corpus, read_examples
from triage.classifier.evaluation import Report, evaluate
from triage.classifier.features import Example
from triage.classifier.model import Prediction, TrainedModel
from triage.classifier.storage import loads
from triage.classifier.training import TooFewExamples, train
from triage.models import ClassifierModel
from triage.pool import pooled
from triage.rules import RuleBook, TicketText, votes_of


class Command(BaseCommand):
    help = (
        "Print precision, recall, support per class, macro-F1, calibration error, and what can be routed "
        "automatically at 95 %% precision. Judges the classifier in use or, with --train, a new one; "
        "each together with this desk's rules, as it decides."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument(
            "--corpus",
            action="store_true",
            help="Judge on the part of the shipped corpus that the shipped model has not seen",
        )
        parser.add_argument("--label", default="category", help="Column with the right answer")
        parser.add_argument(
            "--train", type=Path, help="Train on this file first; nothing is stored"
        )
        parser.add_argument("--model", help="Name of a stored classifier (default: the one in use)")
        parser.add_argument("--mapping", type=Path, help='JSON {"our category": "their label"}')
        parser.add_argument("--json", action="store_true", help="Print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        examples = self._examples(options)
        rules = knowledge.current().knowledge.rules
        model = self._model(options, rules)
        predictions = [
            pooled(guess, votes_of(rules.match(TicketText(*example.text))), model.rule_weight)
            for guess, example in zip(
                model.predict([example.text for example in examples], explain=False),
                examples,
                strict=True,
            )
        ]
        if options["mapping"]:
            mapping = json.loads(options["mapping"].read_text())
            predictions = [_mapped(prediction, mapping) for prediction in predictions]
        threshold = min(model.auto_thresholds.values())
        report: Report = evaluate(
            predictions, [example.label for example in examples], threshold=threshold
        )
        self.stdout.write(
            json.dumps(report.as_dict(), indent=2) if options["json"] else report.as_text()
        )

    def _examples(self, options: dict[str, Any]) -> Sequence[Example]:
        if options["corpus"]:
            return load_corpus(held_out=True)
        if options["file"] is None:
            raise CommandError("Name a FILE with labelled tickets, or say --corpus.")
        return self._read(options["file"], options["label"])

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

    def _model(self, options: dict[str, Any], rules: RuleBook) -> TrainedModel:
        if options["train"]:
            try:
                return train(self._read(options["train"], options["label"]), rules=rules)
            except TooFewExamples as error:
                raise CommandError(str(error)) from None
        if options["model"]:
            row = ClassifierModel.objects.filter(name=options["model"]).first()
            if row is None:
                raise CommandError(f"There is no classifier {options['model']!r}.")
            return loads(bytes(row.data))
        model = knowledge.current().models.get("category")
        if model is None:
            raise CommandError(
                "No classifier is in use. Train one: manage.py train_classifier --corpus"
            )
        return model


def _mapped(prediction: Prediction, mapping: Mapping[str, str]) -> Prediction:
    """The prediction in the other labels: what leads to the same one is added up."""
    shares: dict[str, float] = {}
    for label, share in prediction.alternatives:
        name = mapping.get(label, label)
        shares[name] = shares.get(name, 0.0) + share
    best = max(shares, key=shares.__getitem__)
    return Prediction(best, shares[best], tuple(shares.items()), (), shares)
