"""manage.py train_classifier [FILE]: learn categories from labelled tickets."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from triage import defaults
from triage.classifier.dataset import (
    CORPUS,
    NotLabelled,
    fingerprint,
    load_corpus,
    read_examples,
)
from triage.classifier.features import Example
from triage.classifier.storage import dumps
from triage.classifier.training import TooFewExamples, train
from triage.models import ClassifierModel, Field
from triage.services import FROM_TICKETS, NotPossible, confirmed_examples, train_classifier

#: Characters that the registry keeps of a classifier's name, and of a label.
NAMED: Final = 80
LABELLED: Final = 50


class Command(BaseCommand):
    help = (
        "Train a classifier and use it. Learns from FILE (CSV or NDJSON, .gz too), from the shipped corpus "
        "(--corpus) or, without either, from this desk's tickets whose value a person decided."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument(
            "--corpus",
            action="store_true",
            help=f"Learn from {CORPUS.name}/, which comes with the product",
        )
        parser.add_argument(
            "--label",
            default="category",
            help="Column with the label; impact and urgency are the fields that it then decides",
        )
        parser.add_argument(
            "--name", help="Name of the model (default: where it came from, and when)"
        )
        parser.add_argument(
            "--to",
            type=Path,
            metavar="ZIP",
            help="Write the model to a file instead of the database",
        )
        parser.add_argument("--keep-old", action="store_true", help="Do not put it into use yet")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["to"] and not options["to"].absolute().parent.is_dir():
            raise CommandError(f"There is no directory {options['to'].parent}.")
        examples, source = self._examples(options)
        self.stdout.write(f"Training on {len(examples):,} tickets …")
        try:
            if options["to"]:
                self._write(examples, options)
            else:
                self._keep(examples, source, options)
        except (TooFewExamples, NotPossible) as error:
            raise CommandError(str(error)) from None

    def _write(self, examples: list[Example], options: dict[str, Any]) -> None:
        rules = defaults.category_rules()  # this runs without a database
        model = train(examples, name="", rules=rules, foreign=options["corpus"])
        # Another content is another name: that is how a desk sees that a newer one came.
        mark = hashlib.sha256(dumps(model)).hexdigest()[:8]
        model = replace(
            model,
            name=options["name"] or f"shipped {mark}",
            scores={**model.scores, "fingerprint": fingerprint(examples)},
        )
        options["to"].write_bytes(dumps(model))
        self._tell(model.name, model.scores, f"written to {options['to']}")

    def _keep(self, examples: list[Example], source: str, options: dict[str, Any]) -> None:
        name = options["name"] or f"{source[:60]} {timezone.now():%Y-%m-%d %H:%M:%S}"
        for what, given, most in (
            ("name", name, NAMED),
            *(("label", example.label, LABELLED) for example in examples),
        ):
            if len(given) > most:
                raise CommandError(f"The {what} {given[:60]!r}… has more than {most} characters.")
        if ClassifierModel.objects.filter(name=name).exists():
            raise CommandError(f"There is a classifier {name!r} already: choose another --name.")
        model = train_classifier(
            examples=examples,
            name=name,
            trained_from=source,
            use=not options["keep_old"],
            by="train_classifier",
            field=_field(options),
            # It has seen every label of the desk; what a file held, nobody knows.
            trained_until=timezone.now() if source == FROM_TICKETS else None,
            foreign=options["corpus"],
        )
        self._tell(name, model.scores, "kept, not in use" if options["keep_old"] else "in use")

    def _tell(self, name: str, scores: Mapping[str, Any], state: str) -> None:
        self.stdout.write(
            f"{name}: macro-F1 {scores['macro_f1']:.3f}, acts alone on {scores['automatic']:.0%} ({state})"
        )
        if scores["left_out"]:
            self.stdout.write(f"Too few examples, left out: {', '.join(scores['left_out'])}")

    def _examples(self, options: dict[str, Any]) -> tuple[list[Example], str]:
        path: Path | None = options["file"]
        if options["corpus"]:
            return list(load_corpus(held_out=False)), "corpus"
        if path is None:
            return confirmed_examples(_field(options)), FROM_TICKETS
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        try:
            return read_examples(path, label=options["label"]), path.name[:100]
        except NotLabelled as error:
            raise CommandError(str(error)) from None


def _field(options: dict[str, Any]) -> Field:
    label = options["label"]
    return Field(label) if label in Field.values else Field.CATEGORY
