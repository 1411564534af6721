"""Labelled tickets from files, and the corpus that ships."""

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from triage.classifier.features import Example

CORPUS: Final = Path(__file__).resolve().parent.parent / "corpus"
HELD_OUT: Final = 6
TITLES: Final = ("title", "subject", "summary")
DESCRIPTIONS: Final = ("description", "body", "text")


class NotLabelled(ValueError):
    """The file cannot be read, or lacks a column that is needed: then the message names those that it has."""


@dataclass(frozen=True)
class CorpusTicket(Example):
    """A ticket of the corpus, which knows its impact and urgency too."""

    impact: int = 3
    urgency: int = 3


def load_corpus(directory: Path = CORPUS, *, held_out: bool | None = None) -> list[CorpusTicket]:
    """Return the tickets of the corpus, in the order of the files' names.

    Every sixth ticket of a file is held out: the shipped model has not seen it, so that the demo shows tickets
    that are new to it, and its scores can be checked. `held_out` chooses one part; None takes both.
    """
    found = []
    for path in sorted(directory.glob("*.ndjson")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if held_out is None or held_out == (number % HELD_OUT == 0):
                row = json.loads(line)
                found.append(
                    CorpusTicket(
                        *(row["title"], row["description"], row["category"]),
                        impact=row["impact"],
                        urgency=row["urgency"],
                    )
                )
    return found


def fingerprint(examples: Iterable[Example]) -> str:
    """Identify what a model was trained from: SHA-256 of all texts and labels."""
    hashed = hashlib.sha256()
    for example in examples:
        hashed.update(repr((example.title, example.description, example.label)).encode())
    return hashed.hexdigest()


def read_examples(path: Path, *, label: str = "category") -> list[Example]:
    """Return the labelled rows of a CSV or NDJSON file (.gz too); rows without a label or a text are passed over.

    :raises NotLabelled: it is neither CSV nor NDJSON, or lacks a column `label` or one with text.
    """
    raw: IO[bytes] = path.open("rb")
    with raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        plain = gzip.GzipFile(fileobj=raw) if packed else raw
        text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace", newline="")
        try:
            return list(_examples(text, label))
        except NotLabelled:
            raise
        except (ValueError, AttributeError, OSError, EOFError, csv.Error, zlib.error) as error:
            raise NotLabelled(f"{path} cannot be read as CSV or NDJSON: {error}") from None


def _examples(text: io.TextIOWrapper, label: str) -> Iterator[Example]:
    start = text.read(1)
    text.seek(0)
    csv.field_size_limit(8 * 2**20)
    rows = map(json.loads, filter(str.strip, text)) if start == "{" else csv.DictReader(text)
    title = description = ""
    for number, row in enumerate(rows):
        if number == 0:
            title = next((name for name in TITLES if name in row), "")
            description = next((name for name in DESCRIPTIONS if name in row), "")
            if label not in row or not (title or description):
                raise NotLabelled(
                    f"A column {label!r} and one of {', '.join(TITLES + DESCRIPTIONS)} are needed; "
                    f"there are: {', '.join(row)}."
                )
        example = Example(
            str(row.get(title) or ""),
            str(row.get(description) or ""),
            str(row.get(label) or "").strip(),
        )
        if example.label and (example.title or example.description):
            yield example
