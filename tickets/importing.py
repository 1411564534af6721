"""Reading exports of other systems: CSV or NDJSON, packed or not, with other names for our fields."""

import csv
import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final

from tickets.intake import Errors, TicketIn, parse

csv.field_size_limit(8 * 1024 * 1024)

#: Our field -> how other exports call it, best first. Compared without case, spaces and punctuation.
GUESSES: Final[dict[str, tuple[str, ...]]] = {
    "external_id": (
        "external_id",
        "id",
        "ticket_id",
        "number",
        "key",
        "issue_key",
        "incident_number",
        "ticket_number",
    ),
    "title": ("title", "subject", "summary", "short_description", "name"),
    "description": (
        "description",
        "body",
        "text",
        "content",
        "details",
        "long_description",
        "document",
        "message",
    ),
    "requester_name": (
        "requester_name",
        "user_name",
        "requester",
        "caller",
        "reporter",
        "customer",
        "from",
    ),
    "requester_email": ("requester_email", "user_email", "email", "customer_email", "caller_email"),
    "customer_tier": ("customer_tier", "tier"),
    "priority": ("priority",),
    "impact": ("impact",),
    "urgency": ("urgency",),
    "status": ("status", "state"),
    "category": ("category", "classification", "topic"),
    "department": ("department",),
    "group": ("group", "assignment_group"),
    "tags": ("tags", "labels"),
    "opened_at": ("opened_at", "created_at", "created", "opened", "sys_created_on"),
    "updated_at": ("updated_at", "updated", "sys_updated_on"),
}
#: Fields whose values must make sense to us before a guessed column is believed.
_CHECKED: Final = (
    "priority",
    "impact",
    "urgency",
    "status",
    "customer_tier",
    "requester_email",
    "opened_at",
    "updated_at",
)
_BELIEVED: Final = 0.8  # share of sample values that must be readable


@dataclass(frozen=True)
class Row:
    """One record of the file. `problem` when it could not even be read."""

    number: int
    data: dict[str, Any]
    problem: str = ""


@dataclass(frozen=True)
class ColumnMap:
    """Which of the file's columns fills which of our fields."""

    columns: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass
class Reader:
    """Rows of a file, and how many of its bytes have been read (packed bytes of a packed file)."""

    raw: IO[bytes]
    encoding: str = "utf-8"
    is_csv: bool = True
    _text: Any = field(init=False)

    def __post_init__(self) -> None:
        packed = self.raw.read(2) == b"\x1f\x8b"
        self.raw.seek(0)
        plain: Any = gzip.GzipFile(fileobj=self.raw) if packed else self.raw
        buffered = io.BufferedReader(plain, 1 << 16)
        start = buffered.peek(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        self.is_csv = start != b"{"
        # Bytes that are no text survive as lone surrogates, so that they spoil their row and not the file.
        encoding = "utf-8-sig" if self.encoding.lower() in ("utf-8", "utf8") else self.encoding
        self._text = io.TextIOWrapper(
            buffered, encoding=encoding, errors="surrogateescape", newline=""
        )

    def close(self) -> None:
        self._text.close()

    def position(self) -> int:
        return self.raw.tell()

    def __iter__(self) -> Iterator[Row]:
        return self._csv() if self.is_csv else self._ndjson()

    def _csv(self) -> Iterator[Row]:
        head = self._text.readline()
        delimiter = max(",;\t|", key=head.count)
        names = next(csv.reader([head], delimiter=delimiter), [])
        rows = csv.reader(self._text, delimiter=delimiter, strict=True)
        number = 1
        while True:
            number += 1
            try:
                values = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(number, {}, f"Not readable as CSV: {error}")
                continue
            if not values:
                continue
            data = dict(zip(names, values, strict=False))
            if len(values) != len(names):
                yield Row(number, data, f"{len(values)} columns instead of {len(names)}.")
            else:
                yield Row(number, data, _undecodable(values, self.encoding))

    def _ndjson(self) -> Iterator[Row]:
        for number, line in enumerate(self._text, start=1):
            if not line.strip():
                continue
            try:
                data = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield Row(
                    number,
                    {"line": line[:1000].encode("utf-8", "replace").decode()},
                    f"Not readable as JSON: {error}",
                )
                continue
            if not isinstance(data, dict):
                yield Row(number, {"line": line[:1000]}, "A line must hold a JSON object.")
                continue
            yield Row(
                number,
                data,
                _undecodable(filter(lambda v: isinstance(v, str), data.values()), self.encoding),
            )


def _undecodable(values: Iterable[str], encoding: str) -> str:
    for value in values:
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return f"Not readable as {encoding}."
    return ""


def guess_mapping(
    sample: Sequence[Row],
    wanted: Mapping[str, str],
    *,
    now: datetime,
    known: Callable[[str, str], bool],
) -> ColumnMap:
    """Return which column fills which field: as `wanted` says (field -> column, "" for none), else guessed.

    A guessed column is used only when at least 80 % of its sample values can be read; `known` tells whether a
    department, group or category exists. `notes` say which columns were left out and why.
    """
    columns = list(dict.fromkeys(name for row in sample for name in row.data))
    by_plain = {_plain(name): name for name in reversed(columns)}
    found: dict[str, str] = {}
    notes: list[str] = []
    for name, guesses in GUESSES.items():
        if name in wanted:
            if wanted[name]:
                found[name] = wanted[name]
            continue
        column = next((by_plain[_plain(g)] for g in guesses if _plain(g) in by_plain), None)
        if column is None or column in found.values() or column in wanted.values():
            continue
        values = Counter(
            str(row.data[column]) for row in sample if row.data.get(column) not in (None, "")
        )
        share = _readable_share(name, values, now, known)
        if share is None or share >= _BELIEVED:
            found[name] = column
        else:
            notes.append(
                f"Column {column!r} is left out: only {share:.0%} of its values are a {name} here "
                f"(use it with --map {name}={column})."
            )
    return ColumnMap({**found, **{n: c for n, c in wanted.items() if c}}, tuple(notes))


def _readable_share(
    name: str, values: Counter[str], now: datetime, known: Callable[[str, str], bool]
) -> float | None:
    total = values.total()
    if not total:
        return None
    if name in ("category", "department", "group"):
        return sum(count for value, count in values.items() if known(name, value)) / total
    if name in _CHECKED:
        good = sum(
            n
            for v, n in values.items()
            if isinstance(parse(TicketIn, {"title": "x", name: v}, now=now), TicketIn)
        )
        return good / total
    return None


def to_item(row: Row, mapping: ColumnMap, *, source: str, now: datetime) -> TicketIn | Errors:
    """Return the row as an intake item, or what is wrong with it. Empty cells count as not given."""
    if row.problem:
        return {"row": [row.problem]}
    data: dict[str, Any] = {"source": source}
    for name, column in mapping.columns.items():
        value = row.data.get(column)
        if value is None or value == "":
            continue
        if name == "tags" and isinstance(value, str):
            value = [tag.strip() for tag in value.replace(";", ",").split(",")]
        data[name] = value
    if isinstance(data.get("title"), str) and len(data["title"]) > 255:
        # Some systems allow longer titles. Nothing is lost: the whole of it opens the description.
        data["description"] = f"{data['title']}\n\n{data.get('description', '')}".strip()
        data["title"] = data["title"][:254] + "…"
    data.setdefault("external_id", _fingerprint(data))
    return parse(TicketIn, data, now=now)  # type: ignore[return-value]


def _fingerprint(data: Mapping[str, Any]) -> str:
    """A stable id for a row of a file without ids, so that importing it again changes nothing."""
    text = json.dumps({k: str(v) for k, v in data.items() if k != "source"}, sort_keys=True)
    return "row-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
