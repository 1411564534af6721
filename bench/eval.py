"""`make eval`: how good the classifier is on real tickets, from nothing to everything labelled.

Thirty per cent of each set are held out. The rest stands for a desk's history, of which the first 50, 500 and 5,000
tickets and all are learnt from; whatever is chosen while training is chosen inside those.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: what is measured is one core

from triage.classifier.dataset import read_examples
from triage.classifier.evaluation import Report, evaluate
from triage.classifier.features import Example
from triage.classifier.model import Prediction, TrainedModel
from triage.classifier.storage import SHIPPED, dumps, loads
from triage.classifier.thresholds import TARGET_PRECISION
from triage.classifier.training import TooFewExamples, train
from triage.defaults import category_rules
from triage.judging import acts_alone
from triage.pool import pooled_shares, renamed
from triage.rules import RuleBook, TicketText, category_of, votes_of

MAPPINGS: Final = Path(__file__).parent / "mappings"
HELD_OUT: Final = 0.3
SIZES: Final = (50, 500, 5_000)
PER_LABEL: Final = 50
SEED: Final = 20


class Set(NamedTuple):
    file: str
    label: str = "category"
    mapping: str = ""  # file that turns our categories into the set's labels
    regroup: str = ""  # file that turns the set's labels into departments
    per_label: bool = False  # learnt from so many of each label, too


SETS: Final = {
    "it_topic": Set("dev_it_topic.csv.gz", mapping="it_topic.json", per_label=True),
    "it_topic, departments": Set(
        "dev_it_topic.csv.gz", mapping="it_topic.json", regroup="it_topic_departments.json"
    ),
    "endava category": Set("dev_endava_prio.csv.gz"),
    "nlbse24": Set("dev_nlbse24.csv.gz", mapping="nlbse24.json"),
    "tobi_multi": Set("dev_tobi_multi.csv.gz"),
    "tobi_de10": Set("dev_tobi_de10.csv.gz"),
    "moz severity": Set("dev_moz_severity.csv.gz", label="priority"),
}


class Line(NamedTuple):
    engine: str
    report: Report
    per_second: float
    seconds: float | None = None  # of training
    size: int | None = None  # bytes of the model


def main() -> int:
    parser = argparse.ArgumentParser(prog="make eval")
    parser.add_argument("--data", type=Path, default=_default_directory())
    parser.add_argument("--only", choices=list(SETS))
    options = parser.parse_args()
    if not options.data.is_dir():
        print(
            f"There is no directory {options.data}. Name the one with the labelled sets: "
            "SMARTOPS_DATA=… make eval, or ARGS='--data …'.",
            file=sys.stderr,
        )
        return 2
    for name, chosen in SETS.items():
        if options.only in (None, name):
            path = options.data / chosen.file
            if not path.is_file():
                print(f"### {name}\n\nNot there: {path}\n")
                continue
            print(_table(name, list(measure(path, chosen))), flush=True)
    return 0


def _default_directory() -> Path:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("SMARTOPS_DATA") or beside)


def measure(path: Path, chosen: Set) -> Iterator[Line]:
    """Yield a line for each engine, judged on the part that is held out."""
    examples = read_examples(path, label=chosen.label)
    departments = _mapping(chosen.regroup) if chosen.regroup else {}
    if departments:
        examples = [Example(e.title, e.description, departments[e.label]) for e in examples]
    history, unseen = split(examples)
    if chosen.mapping:
        rules = category_rules()
        mapping = {
            ours: departments.get(theirs, theirs)
            for ours, theirs in _mapping(chosen.mapping).items()
        }
        yield _of_rules(rules, mapping, unseen)
        yield _cold(rules, mapping, unseen)
    if departments:
        return
    if chosen.per_label:
        yield from _learnt(_first_of_each(history), unseen, f"{PER_LABEL} of each")
    for size in (*SIZES, len(history)):
        if size == len(history) or size < 0.7 * len(history):
            yield from _learnt(history[:size], unseen, "all" if size == len(history) else "")


def split(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Return history and held-out part, in random order, each with its share of every label."""
    chance = random.Random(SEED)
    by_label = defaultdict(list)
    for example in examples:
        by_label[example.label].append(example)
    history: list[Example] = []
    unseen: list[Example] = []
    for label in sorted(by_label):
        mine = by_label[label]
        chance.shuffle(mine)
        cut = round(HELD_OUT * len(mine))
        unseen += mine[:cut]
        history += mine[cut:]
    chance.shuffle(history)
    chance.shuffle(unseen)
    return history, unseen


def _first_of_each(history: Sequence[Example]) -> list[Example]:
    """Return the first tickets of every label, equally many."""
    met: Counter[str] = Counter()
    found = []
    for example in history:
        met[example.label] += 1
        if met[example.label] <= PER_LABEL:
            found.append(example)
    return found


def _of_rules(rules: RuleBook, mapping: Mapping[str, str], unseen: Sequence[Example]) -> Line:
    started = time.process_time()
    votes = [category_of(rules.match(TicketText(*e.text))) for e in unseen]
    seconds = time.process_time() - started
    guesses = [renamed({vote.category or "general": vote.confidence}, mapping) for vote in votes]
    return Line("rules", _judged(guesses, unseen, 0.9), len(unseen) / seconds)


def _cold(rules: RuleBook, mapping: Mapping[str, str], unseen: Sequence[Example]) -> Line:
    model = loads(SHIPPED.read_bytes())
    guesses, per_second = _asked(model, unseen)
    together = [
        renamed(
            pooled_shares(guess, votes_of(rules.match(TicketText(*e.text))), model.rule_weight),
            mapping,
        )
        for guess, e in zip(guesses, unseen, strict=True)
    ]
    alone = acts_alone(model, [e.text for e in unseen], rules, target=TARGET_PRECISION)
    report = evaluate(
        together, [e.label for e in unseen], threshold=model.auto_thresholds, alone=alone
    )
    return Line("shipped, with rules", report, per_second)


def _learnt(history: Sequence[Example], unseen: Sequence[Example], note: str) -> Iterator[Line]:
    started = time.process_time()
    try:
        model = train(history)
    except TooFewExamples:
        return
    seconds = time.process_time() - started
    packed = dumps(model)
    model = loads(packed)
    guesses, per_second = _asked(model, unseen)
    name = f"{len(history):,} labels" + (f" ({note})" if note else "")
    yield Line(
        name, _judged(guesses, unseen, model.auto_thresholds), per_second, seconds, len(packed)
    )


def _asked(model: TrainedModel, unseen: Sequence[Example]) -> tuple[list[Prediction], float]:
    """The guesses and how many came in a second, in the chunks in which workers ask."""
    started = time.process_time()
    guesses: list[Prediction] = []
    for start in range(0, len(unseen), 100):
        guesses += model.predict([e.text for e in unseen[start : start + 100]], explain=False)
    return guesses, len(unseen) / (time.process_time() - started)


def _judged(
    guesses: Sequence[Prediction],
    unseen: Sequence[Example],
    threshold: float | Mapping[str, float],
) -> Report:
    return evaluate(guesses, [e.label for e in unseen], threshold=threshold)


def _mapping(file: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((MAPPINGS / file).read_text())
    return found


def _table(name: str, lines: Sequence[Line]) -> str:
    rows = [
        f"### {name}",
        "",
        "| engine | macro-F1 | accuracy | routed alone | of these right | calibration error "
        "| tickets/s | training | model |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for engine, report, per_second, seconds, size in lines:
        reached = report.automatic_precision
        rows.append(
            f"| {engine} | {report.macro_f1:.3f} | {report.accuracy:.3f} | {report.automatic:.1%} "
            f"| {'–' if reached is None else format(reached, '.1%')} "
            f"| {report.calibration_error:.3f} | {per_second:,.0f} "
            f"| {'–' if seconds is None else f'{seconds:.1f} s'} "
            f"| {'–' if size is None else f'{size / 1e6:.1f} MB'} |"
        )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
