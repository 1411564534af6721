"""manage.py evaluate_classifier FILE: how good are the engines, on tickets whose answer is known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from triage import knowledge, services
from triage.classifier.dataset import NotLabelled, load_corpus, read_examples
from triage.classifier.evaluation import as_table
from triage.classifier.features import Example
from triage.classifier.model import TrainedModel
from triage.classifier.storage import ModelUnreadable, loads
from triage.models import ClassifierModel, Field
from triage.services.evaluating import Evaluated


class Command(BaseCommand):
    help = (
        "Compare the classifier in use, its challenger, the rules and any other models in one table: macro-F1, "
        "calibration error, what can be done automatically and how much of that was right, documents a second. "
        "First the report class by class of the one that was asked for: the newly trained, the named, or the one "
        "in use. Each is judged together with this desk's rules, as it decides."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group()
        source.add_argument("file", type=Path, nargs="?", help="CSV or NDJSON, .gz too")
        source.add_argument(
            "--corpus",
            action="store_true",
            help="Judge on the part of the shipped corpus that the shipped model has not seen",
        )
        source.add_argument(
            "--tickets",
            action="store_true",
            help="Judge on this desk's confirmed tickets that neither champion nor challenger has seen",
        )
        parser.add_argument(
            "--label",
            default="category",
            help="Column with the right answer; impact and urgency name the field, too",
        )
        parser.add_argument(
            "--train", type=Path, help="Train on this file first; nothing is stored"
        )
        parser.add_argument(
            "--model", action="append", default=[], help="Name of a stored classifier; repeatable"
        )
        parser.add_argument(
            "--zip", type=Path, action="append", default=[], help="A model's file; repeatable"
        )
        parser.add_argument("--mapping", type=Path, help='JSON {"our category": "their label"}')
        parser.add_argument("--json", action="store_true", help="Print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        label = options["label"]
        field = label if label in Field.values else Field.CATEGORY.value
        examples = self._examples(field, options)
        others = self._others(field, options)
        found = services.evaluate_engines(
            field=field, examples=examples, others=others, mapping=self._mapping(options["mapping"])
        )
        if not any(one.report for one in found.values()):
            raise CommandError(
                f"Nothing here speaks of the labels in column {label!r}. Train on some (--train FILE), name a "
                "model (--model, --zip), or give a --mapping."
            )
        self.stdout.write(_as_json(found) if options["json"] else _as_text(found))

    def _examples(self, field: str, options: dict[str, Any]) -> Sequence[Example]:
        if options["corpus"]:
            return [
                Example(
                    t.title,
                    t.description,
                    t.label if field == "category" else str(getattr(t, field)),
                )
                for t in load_corpus(held_out=True)
            ]
        if options["tickets"]:
            found = services.unseen_labels(field)
            if not found:
                raise CommandError(
                    f"No {field} was confirmed that champion and challenger have not learnt from."
                )
            return found
        if options["file"] is None:
            raise CommandError("Name a FILE with labelled tickets, or say --tickets or --corpus.")
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

    def _others(self, field: str, options: dict[str, Any]) -> dict[str, TrainedModel]:
        """The models that were asked for, the newly trained one first."""
        found = {}
        if options["train"]:
            found[f"trained on {options['train'].name}"] = self._trained(field, options)
        for name in options["model"]:
            row = ClassifierModel.objects.filter(name=name).first()
            if row is None:
                raise CommandError(f"There is no classifier {name!r}.")
            found[name] = self._loaded(bytes(row.data), name)
        for path in options["zip"]:
            if not path.is_file():
                raise CommandError(f"There is no file {path}.")
            found[path.name] = self._loaded(path.read_bytes(), str(path))
        return found

    def _trained(self, field: str, options: dict[str, Any]) -> TrainedModel:
        from triage.classifier.training import TooFewExamples, train

        rules = knowledge.current().knowledge.rules if field == Field.CATEGORY else None
        try:
            return train(self._read(options["train"], options["label"]), name="new", rules=rules)
        except TooFewExamples as error:
            raise CommandError(str(error)) from None

    def _loaded(self, data: bytes, name: str) -> TrainedModel:
        try:
            return loads(data)
        except ModelUnreadable as error:
            raise CommandError(f"{name}: {error}") from None

    def _mapping(self, path: Path | None) -> dict[str, str]:
        if path is None:
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"The mapping {path} cannot be read: {error}") from None
        if not isinstance(found, dict):
            raise CommandError(
                f'The mapping {path} must be an object: {{"our category": "theirs"}}.'
            )
        return {str(ours): str(theirs) for ours, theirs in found.items()}


def _as_text(found: dict[str, Evaluated]) -> str:
    judged = {name: one.report for name, one in found.items() if one.report}
    first = next(iter(judged))
    header, *rows = as_table(judged).splitlines()
    rates = [f"{found[name].documents_a_second:10,.0f}" for name in judged]
    lines = [
        f"{first}:",
        "",
        judged[first].as_text(),
        "",
        f"{header}  documents/s",
        *(f"{row}  {rate:>11}" for row, rate in zip(rows, rates, strict=True)),
    ]
    lines += [
        f"{name} speaks of other labels (see --mapping)."
        for name, one in found.items()
        if not one.report
    ]
    return "\n".join(lines)


def _as_json(found: dict[str, Evaluated]) -> str:
    engines = {
        name: {**one.report.as_dict(), "documents_a_second": round(one.documents_a_second)}
        for name, one in found.items()
        if one.report
    }
    first = next(iter(engines))
    return json.dumps({"engine": first, **engines[first], "engines": engines}, indent=2)
